"""Signing in and out: with a password, with a link from ops, or at the company's identity provider.

Nothing here says who has an account. A sign-in always gets a new session, whatever the browser had.
"""

import hmac
import secrets
from hashlib import sha256
from http import HTTPStatus

from anyio import to_thread
from sqlalchemy.orm import Session
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from retention.bootstrap import Application
from retention.clock import utc_now
from retention.db.session import reading, writing
from retention.domain.errors import NotAllowedError
from retention.domain.people import Person
from retention.people import accounts, passwords, sign_in_links, web_sessions
from retention.people.accounts import Visitor
from retention.people.sign_in_links import LinkPurpose
from retention.web.answering import MOST_BYTES, cookie_name, is_ours, is_same_origin
from retention.web.refusal_words import told
from retention.web.visit import SEE_OTHER, render
from retention.web.wording import LANGUAGES, Wording, wording
from retention.web.workshop import Workshop

_PRE, _KNOWN = "before-sign-in", "known"
_HALF_A_YEAR = 180 * 24 * 3600


class SignIn:
    """The pages in front of the console. They hold nothing: the database does."""

    def __init__(self, workshop: Workshop) -> None:
        self._workshop = workshop

    def routes(self) -> list[Route]:
        """Return the routes that need no session."""
        return [
            Route("/sign-in", self._form, methods=["GET"], name="GET /sign-in"),
            Route("/sign-in", self._password, methods=["POST"], name="POST /sign-in"),
            Route("/sign-in/{token}", self._link, methods=["GET"], name="GET /sign-in/{token}"),
            Route("/sign-in/{token}", self._use, methods=["POST"], name="POST /sign-in/{token}"),
        ]

    async def _form(self, request: Request) -> Response:
        return self.ask(request)

    async def _password(self, request: Request) -> Response:
        form = await request.form(max_files=0, max_fields=20, max_part_size=MOST_BYTES)
        return await to_thread.run_sync(self._check, request, form)

    async def _link(self, request: Request) -> Response:
        return await to_thread.run_sync(self._show_link, request)

    async def _use(self, request: Request) -> Response:
        form = await request.form(max_files=0, max_fields=20, max_part_size=MOST_BYTES)
        return await to_thread.run_sync(self._use_link, request, form)

    def ask(self, request: Request, problem: str = "", status: int = 200) -> Response:
        """Return the page that asks who it is."""
        shop, words = self._shop(), self.words(request)
        return self._page(request, "sign_in.html", status, words=words, problem=problem,
                          provider=shop.settings.oidc_issuer is not None)  # fmt: skip

    def _check(self, request: Request, form: FormData) -> Response:
        words = self.words(request)
        if not self._is_genuine(request, form):
            return self.ask(request, words.say("The page was too old. Try again."),
                            HTTPStatus.FORBIDDEN)  # fmt: skip
        shop, now = self._shop(), utc_now()
        who, password = _typed(form, "who"), _typed(form, "password")
        visitor = Visitor(_address(request), known=self._is_known(request, shop, who))
        try:
            with writing(shop.engine) as session:
                team = shop.policies.team
                person = accounts.sign_in(session, team, who, password, visitor, now)
                if person is not None:
                    return self.welcome(session, request, person, "password")
        except NotAllowedError:
            problem = words.say("Too many attempts. Try again in a quarter of an hour.")
            return self.ask(request, problem, HTTPStatus.TOO_MANY_REQUESTS)
        return self.ask(request, words.say("This name and this password do not go together."),
                        HTTPStatus.FORBIDDEN)  # fmt: skip

    def welcome(self, session: Session, request: Request, person: Person, how: str) -> Response:
        """Sign a person in and bring them to the page that they wanted."""
        shop = self._shop()
        browser = request.headers.get("user-agent", "")
        token = web_sessions.start(session, person.person_id, browser, how, utc_now())
        wanted = request.cookies.get("wanted", "/")
        response = RedirectResponse(wanted if is_ours(wanted) else "/", SEE_OTHER)
        secure = shop.settings.console_url is not None
        response.set_cookie(cookie_name(secure=secure), token, httponly=True, samesite="lax",
                            secure=secure, path="/")  # fmt: skip
        response.set_cookie(_KNOWN, self._mark(shop, person.person_id), max_age=_HALF_A_YEAR,
                            httponly=True, samesite="lax", secure=secure)  # fmt: skip
        response.delete_cookie("wanted")
        response.delete_cookie(_PRE)
        return response

    def _show_link(self, request: Request) -> Response:
        """Show what a link is for; only the button behind it uses it up, no scanner can."""
        shop = self._shop()
        with reading(shop.engine) as session:
            link = sign_in_links.look(session, request.path_params["token"], utc_now())
        person = shop.policies.team.people.get(link.person_id) if link else None
        if link is None or person is None:
            words = self.words(request)
            problem = words.say("This link was used, or is too old. Ask the operations team.")
            return self.ask(request, problem, HTTPStatus.NOT_FOUND)
        return self._page(
            request, "link.html", words=self.words(request), person=person,
            purpose=link.purpose, shortest=passwords.SHORTEST, problem="",
        )  # fmt: skip

    def _use_link(self, request: Request, form: FormData) -> Response:
        shop, now, words = self._shop(), utc_now(), self.words(request)
        if not self._is_genuine(request, form):
            return self.ask(request, words.say("The page was too old. Try again."),
                            HTTPStatus.FORBIDDEN)  # fmt: skip
        token = request.path_params["token"]
        try:
            with writing(shop.engine) as session:
                link = sign_in_links.use(session, token, now)
                person = shop.policies.team.people.get(link.person_id) if link else None
                if link is not None and person is not None:
                    if link.purpose == LinkPurpose.PASSWORD:
                        _require_twice(form)
                        accounts.set_password(session, person, _typed(form, "password"), now)
                        web_sessions.end_all(session, person.person_id, now)
                    return self.welcome(session, request, person, "link")
        except NotAllowedError as error:
            with reading(shop.engine) as session:
                link = sign_in_links.look(session, token, now)
            if link is None:
                return self.ask(request)
            person = shop.policies.team.get(link.person_id)
            return self._page(request, "link.html", HTTPStatus.UNPROCESSABLE_ENTITY, words=words,
                              person=person, purpose=link.purpose, shortest=passwords.SHORTEST,
                              problem=" ".join(told(shop.settings.templates_dir, words, error)),
                              )  # fmt: skip
        problem = words.say("This link was used, or is too old. Ask the operations team.")
        return self.ask(request, problem, HTTPStatus.NOT_FOUND)

    def _page(
        self,
        request: Request,
        template: str,
        status: int = 200,
        *,
        words: Wording,
        **values: object,
    ) -> Response:
        """Return a page in front of the console, its form bound to a short cookie."""
        token = request.cookies.get(_PRE) or secrets.token_urlsafe(32)
        shop = self._shop()
        html = render(shop, template, words, csrf=token, languages=LANGUAGES,
                      path=request.url.path, **values)  # fmt: skip
        response = HTMLResponse(html, status)
        secure = shop.settings.console_url is not None
        response.set_cookie(_PRE, token, max_age=3600, httponly=True, samesite="strict",
                            secure=secure)  # fmt: skip
        return response

    def _is_genuine(self, request: Request, form: FormData) -> bool:
        kept = request.cookies.get(_PRE, "")
        same = hmac.compare_digest(_typed(form, "csrf").encode(), kept.encode())
        return bool(kept) and same and is_same_origin(request)

    def _shop(self) -> Application:
        return self._workshop.current(utc_now())

    def words(self, request: Request) -> Wording:
        """Speak the language that the browser asks for, or that was chosen on the page."""
        shop = self._shop()
        asked = request.query_params.get("language") or request.headers.get("accept-language", "en")
        return wording(shop.settings.templates_dir, asked[:2].lower(),
                       shop.policies.costs.currency, shop.settings.timezone)  # fmt: skip

    def _is_known(self, request: Request, shop: Application, who: str) -> bool:
        """Return whether this browser was signed in as this person before."""
        person_id, _, _ = request.cookies.get(_KNOWN, "").partition(".")
        mark = self._mark(shop, person_id)
        kept = request.cookies.get(_KNOWN, "")
        person = shop.policies.team.people.get(person_id)
        named = person is not None and who.strip().casefold() in (
            person.person_id.casefold(), person.email.casefold()
        )  # fmt: skip
        return named and hmac.compare_digest(kept.encode(), mark.encode())

    def _mark(self, shop: Application, person_id: str) -> str:
        key = b"known browser" + shop.settings.token_key
        return f"{person_id}.{hmac.new(key, person_id.encode(), sha256).hexdigest()}"


def _require_twice(form: FormData) -> None:
    if _typed(form, "password") != _typed(form, "again"):
        raise NotAllowedError("the password", "was not typed twice alike", "Type it again.")


def _typed(form: FormData, name: str) -> str:
    value = form.get(name, "")
    return value if isinstance(value, str) else ""


def _address(request: Request) -> str:
    return request.client.host if request.client else "nowhere"
