"""Signing in at the company's identity provider: OpenID Connect with PKCE.

State, nonce and verifier live in a short cookie that only this console can have made; the address
that the provider vouches for must be that of somebody in `team.yaml`.
"""

import logging
from http import HTTPStatus

import httpx2
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.starlette_client import OAuth
from joserfc.errors import JoseError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from retention.clock import utc_now
from retention.db.session import writing
from retention.domain.people import Person
from retention.web.sign_in import SignIn
from retention.web.workshop import Workshop

_LOG = logging.getLogger("retention.web")
_SECONDS = 10
_NOT_ACCEPTED = (AuthlibBaseError, JoseError)
_NO_ANSWER = (httpx2.HTTPError, ValueError, RuntimeError, KeyError)
"""It is not there, takes too long, or what it says lacks what OpenID Connect asks for."""


class IdentityProvider:
    """The two addresses of a sign-in elsewhere; none without a configured provider."""

    def __init__(self, workshop: Workshop, sign_in: SignIn) -> None:
        self._workshop, self._sign_in = workshop, sign_in
        settings = workshop.settings
        self._oauth = OAuth()
        if settings.oidc_issuer is not None:
            secret = settings.oidc_client_secret
            self._oauth.register(
                "company",
                client_id=settings.oidc_client_id,
                client_secret=secret.get_secret_value() if secret else None,
                server_metadata_url=f"{settings.oidc_issuer.rstrip('/')}/.well-known/openid-configuration",
                client_kwargs={
                    "scope": "openid email",
                    "code_challenge_method": "S256",
                    "timeout": _SECONDS,
                },
            )

    def routes(self) -> list[Route]:
        """Return the routes, if a provider is configured."""
        if self._workshop.settings.oidc_issuer is None:
            return []
        return [
            Route("/sign-in/company", self._go, methods=["GET"], name="GET /sign-in/company"),
            Route("/sign-in/company/back", self._back, methods=["GET"],
                  name="GET /sign-in/company/back"),
        ]  # fmt: skip

    async def _go(self, request: Request) -> Response:
        """Send the browser to the provider."""
        settings = self._workshop.settings
        own = settings.console_url or f"{request.url.scheme}://{request.url.netloc}"
        try:
            response: Response = await self._oauth.company.authorize_redirect(
                request, f"{own}/sign-in/company/back"
            )
        except _NO_ANSWER as error:
            return self._silent(request, error)
        return response

    async def _back(self, request: Request) -> Response:
        """Take what the provider says of the person, and sign them in."""
        words = self._sign_in.words(request)
        try:
            token = await self._oauth.company.authorize_access_token(request)
        except _NOT_ACCEPTED:
            said = words.say("The company's account was not accepted. Try again.")
            return self._sign_in.ask(request, said, HTTPStatus.FORBIDDEN)
        except _NO_ANSWER as error:
            return self._silent(request, error)
        claims = token.get("userinfo") or {}
        person = self._named(claims) if claims.get("email_verified") is True else None
        if person is None:
            refusal = words.say("This account belongs to nobody of the team.")
            return self._sign_in.ask(request, refusal, HTTPStatus.FORBIDDEN)
        return await run_in_threadpool(self._welcome, request, person)

    def _silent(self, request: Request, error: Exception) -> Response:
        """Say so, and leave the other ways in; the log has no more than the kind of trouble."""
        _LOG.warning("the identity provider: %s", type(error).__name__)
        words = self._sign_in.words(request)
        said = words.say("The company's account does not answer. Try again, or sign in here.")
        return self._sign_in.ask(request, said, HTTPStatus.SERVICE_UNAVAILABLE)

    def _named(self, said: dict[str, object]) -> Person | None:
        team = self._workshop.current(utc_now()).policies.team
        address = str(said.get("email", "")).casefold()
        return next((p for p in team.people.values() if p.email.casefold() == address), None)

    def _welcome(self, request: Request, person: Person) -> Response:
        with writing(self._workshop.application.engine) as session:
            return self._sign_in.welcome(session, request, person, "company")
