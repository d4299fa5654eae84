"""The web application: routes, headers, and what is answered when nothing fits."""

import logging
from hashlib import sha256
from http import HTTPStatus
from traceback import extract_tb
from typing import Any

from sqlalchemy import text
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from retention.clock import utc_now
from retention.db import schema
from retention.settings import Settings
from retention.web import look
from retention.web.answering import MOST_BYTES, route
from retention.web.api import make_api
from retention.web.console.routes import PAGES
from retention.web.customer.routes import routes as customer_routes
from retention.web.headers import SecurityHeaders
from retention.web.oidc import IdentityProvider
from retention.web.sign_in import SignIn
from retention.web.visit import render
from retention.web.wording import wording
from retention.web.workshop import Workshop

_LOG = logging.getLogger("retention.web")
_FRAMES = 4


def create_app(settings: Settings) -> Starlette:
    """Return the application for these settings. Raises ConfigError for a broken policy file."""
    _LOG.setLevel(logging.WARNING)  # whatever else of this process keeps quiet
    workshop = Workshop(settings)
    schema.make_ready(workshop.application.engine)
    sign_in = SignIn(workshop)
    routes: list[BaseRoute] = [
        Route("/healthz", _alive, name="GET /healthz"),
        Route("/readyz", _ready, name="GET /readyz"),
        *IdentityProvider(workshop, sign_in).routes(),
        *sign_in.routes(),
        *customer_routes(workshop),
        *look.routes(workshop),
        Mount("/api", make_api(workshop), name="api"),
        *(route(page, workshop) for page in PAGES),
        Mount("/static", Kept(directory=settings.templates_dir / "web" / "static")),
    ]
    app = Starlette(
        routes=routes,
        middleware=_middleware(settings),
        exception_handlers={HTTPException: _no_page},
    )
    app.state.workshop = workshop
    app.state.origin = settings.console_url
    return app


class Kept(StaticFiles):
    """Files that browsers may keep, and ask whether they have changed."""

    def file_response(self, *args: Any, **more: Any) -> Response:
        """Return a file."""
        response = super().file_response(*args, **more)
        response.headers["Cache-Control"] = "no-cache"
        return response


def _middleware(settings: Settings) -> list[Middleware]:
    """Headers around everything; the cookie of a sign-in elsewhere only where there is one."""
    secure = settings.console_url is not None
    found = [
        Middleware(SecurityHeaders, secure=secure, broken=_broken),
        Middleware(RequestBodyLimitMiddleware, max_body_size=MOST_BYTES),
    ]
    if settings.oidc_issuer is not None:
        key = sha256(b"sign-in elsewhere" + settings.token_key).hexdigest()
        found.append(
            Middleware(SessionMiddleware, secret_key=key, session_cookie="elsewhere", max_age=600,
                       path="/sign-in", same_site="lax", https_only=secure)
        )  # fmt: skip
    return found


def _alive(_: Request) -> Response:
    """Say that the process answers."""
    return PlainTextResponse("alive")


def _ready(request: Request) -> Response:
    """Say whether the database answers and knows this version."""
    workshop: Workshop = request.app.state.workshop
    try:
        engine = workshop.application.engine
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
        current = schema.is_current(engine)
    except Exception as error:  # noqa: BLE001 - whatever it is, we are not ready
        _LOG.warning("not ready: %s", type(error).__name__)
        current = False
    status = HTTPStatus.OK if current else HTTPStatus.SERVICE_UNAVAILABLE
    return PlainTextResponse("ready" if current else "not ready", status)


def _no_page(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else HTTPStatus.NOT_FOUND
    if status == HTTPStatus.METHOD_NOT_ALLOWED and request.method == "GET":
        # What could not be done is told at its deed's address: opened again, it is the page.
        return RedirectResponse(request.url.path.rpartition("/")[0] or "/", HTTPStatus.SEE_OTHER)
    return _plain_page(request, int(status))


def _broken(request: Request, error: Exception) -> Response:
    """Say that something broke.

    The log gets the route and where it broke, never an address or what people have typed.
    """
    route = getattr(request.scope.get("route"), "name", "no route")
    lines = [f"{frame.filename}:{frame.lineno}" for frame in extract_tb(error.__traceback__)]
    _LOG.error("%s: %s at %s", route, type(error).__name__, ", ".join(lines[-_FRAMES:]))
    return _plain_page(request, HTTPStatus.INTERNAL_SERVER_ERROR)


def _plain_page(request: Request, status: int) -> Response:
    shop = request.app.state.workshop.current(utc_now())
    language = request.headers.get("accept-language", "en")[:2].lower()
    words = wording(shop.settings.templates_dir, language, shop.policies.costs.currency,
                    shop.settings.timezone)  # fmt: skip
    return HTMLResponse(render(shop, "nothing.html", words, status=status), status)
