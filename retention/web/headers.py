"""Security headers on every answer, errors too.

No script, style or picture of anybody else is ever loaded, and nothing stands inline. A customer's
message is shown in a frame of its own, without scripts, under a policy of its own.
"""

from collections.abc import Callable

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

Broken = Callable[[Request, Exception], Response]

PAGE = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; frame-src 'self'; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'; object-src 'none'"
)
FRAMED = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; "
    "frame-ancestors 'self'; base-uri 'none'; sandbox allow-same-origin"
)
"""Of a message as its customer sees it: it may have styles of its own, and nothing else."""

_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "X-Robots-Tag": "noindex, nofollow",
}


class SecurityHeaders:
    """Adds the headers to whatever the application answers; `broken` answers what it cannot."""

    def __init__(self, app: ASGIApp, *, secure: bool, broken: Broken) -> None:
        self._app, self._broken = app, broken
        self._more = {"Strict-Transport-Security": "max-age=63072000"} if secure else {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        begun: list[bool] = []

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                begun.append(True)
                headers = MutableHeaders(scope=message)
                if scope["path"].partition("/c/")[1]:  # its address is a key
                    headers["Referrer-Policy"] = "no-referrer"
                for name, value in {**_ALWAYS, **self._more}.items():
                    headers.setdefault(name, value)
                headers.setdefault("Content-Security-Policy", PAGE)
                headers.setdefault("Cache-Control", "no-store")
                if "sandbox" not in headers["Content-Security-Policy"]:
                    headers["X-Frame-Options"] = "DENY"
            await send(message)

        try:
            await self._app(scope, receive, with_headers)
        except Exception as error:
            if begun:
                raise
            answer = self._broken(Request(scope), error)
            await answer(scope, receive, with_headers)
