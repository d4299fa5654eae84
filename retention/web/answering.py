"""How a request becomes a page or a deed: who is it, may they, is it theirs, and then the handler.

A page is made in a transaction that only reads; a deed in one that is kept when it ends without an
error. What a service refuses is told on a page that keeps what was typed.
"""

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from anyio import to_thread
from sqlalchemy.orm import Session
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from retention.actions import approval
from retention.audit import looks
from retention.bootstrap import Application
from retention.clock import utc_now
from retention.db.models.console import Account, WebSession
from retention.db.session import reading, writing
from retention.domain.errors import NotAllowedError, NotFoundError, RetentionError
from retention.domain.people import Role
from retention.people import web_sessions
from retention.web import refusals
from retention.web.visit import SEE_OTHER, Visit

if TYPE_CHECKING:
    from retention.web.workshop import Workshop

Handler = Callable[[Visit], Response]
EVERYBODY = frozenset(Role)
MOST_BYTES = 256 * 1024
"""What a form may weigh; none of ours comes near."""

_LOG = logging.getLogger("retention.web")


@dataclass(frozen=True, slots=True)
class Page:
    """A page or a deed: its address, who may open it, and what makes it.

    The roles keep people from pages that are not for them; whose object it is, and what may be done
    with it, the services say. A deed that `waits` for another server holds no transaction that
    writes meanwhile.
    """

    path: str
    handler: Handler
    method: str = "GET"
    roles: frozenset[Role] = EVERYBODY
    waits: bool = False

    @property
    def name(self) -> str:
        """What the page is called in the matrix of who may do what."""
        return f"{self.method} {self.path}"


def cookie_name(*, secure: bool) -> str:
    """Return the name of the session's cookie; browsers hold `__Host-` to its promises."""
    return "__Host-retention" if secure else "retention"


def route(page: Page, workshop: "Workshop") -> Route:
    """Return the route of a page or deed."""

    async def endpoint(request: Request) -> Response:
        form = FormData()
        if page.method == "POST":
            form = await request.form(max_files=0, max_fields=2000, max_part_size=MOST_BYTES)
        return await to_thread.run_sync(_answer, page, workshop, request, form)

    methods = ["GET", "HEAD"] if page.method == "GET" else [page.method]
    return Route(page.path, endpoint, methods=methods, name=page.name)


def _answer(page: Page, workshop: "Workshop", request: Request, form: FormData) -> Response:
    now = utc_now()
    shop = workshop.current(now)
    keeps = page.method == "POST" and not page.waits
    opening = writing if keeps else reading
    stale: str | None = None
    noted: Visit | None = None
    try:
        with opening(shop.engine) as session:
            found = _who(session, shop, request)
            if found is None:
                return _to_sign_in(request)
            signed_in, person, account = found
            visit = Visit(request, shop, session, signed_in, person, account, now,
                          workshop.broken, form)  # fmt: skip
            if web_sessions.is_stale(signed_in, now):
                stale = signed_in.token_hash
            response = _made(page, visit)
            noted = visit
    except RetentionError as error:
        response = _refused(workshop, shop, request, form, error)
    if stale is not None or (noted is not None and (noted.looked or noted.viewed)):
        with writing(shop.engine) as session:
            if stale is not None:
                web_sessions.note_use(session, stale, now)
            if noted is not None:
                _note(session, noted)
    return response


def _note(session: Session, visit: Visit) -> None:
    """Note what a page has shown for the first time; one that shows nothing new writes nothing."""
    looks.note(session, visit.looked, visit.person.person_id, visit.now)
    for action in visit.viewed:
        approval.note_viewing(session, action, visit.actor)


def _made(page: Page, visit: Visit) -> Response:
    if not visit.person.roles & page.roles:
        return refusals.not_for_you(visit, page.roles)
    if page.method == "POST" and not is_genuine(visit.request, visit.form, visit.signed_in.csrf):
        return refusals.not_from_here(visit)
    return page.handler(visit)


def _who(
    session: Session, shop: Application, request: Request
) -> tuple[WebSession, "refusals.Person", Account | None] | None:
    """Return the session of a cookie and its person; nobody who has left `team.yaml`."""
    secure = shop.settings.console_url is not None
    token = request.cookies.get(cookie_name(secure=secure))
    found = web_sessions.find(session, token, utc_now()) if token else None
    if found is None:
        return None
    person = shop.policies.team.people.get(found.person_id)
    return (found, person, session.get(Account, found.person_id)) if person else None


def _to_sign_in(request: Request) -> Response:
    """Ask for a sign-in, and come back to the page that was wanted."""
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    if request.method != "GET" or not is_ours(wanted) or "q" in request.query_params:
        wanted = "/"
    response = RedirectResponse("/sign-in", SEE_OTHER)
    secure = request.url.scheme == "https"
    response.set_cookie("wanted", wanted, max_age=600, httponly=True, samesite="lax", secure=secure)
    return response


def is_ours(address: str) -> bool:
    """Return whether an address is a page of this console, never one of another host."""
    return (
        address.startswith("/") and not address.startswith(("//", "/\\")) and address.isprintable()
    )


def is_genuine(request: Request, form: FormData, csrf: str) -> bool:
    """Return whether a form was sent from a page of ours, by somebody who was shown it."""
    return is_same_origin(request) and secrets.compare_digest(
        str(form.get("csrf", "")).encode(), csrf.encode()
    )


def is_same_origin(request: Request) -> bool:
    """Return whether the browser says that a request comes from our own pages."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("origin")
    if origin is None:
        return True  # an old browser: the token of the session decides
    own = request.app.state.origin or f"{request.url.scheme}://{request.url.netloc}"
    return origin == own


def _refused(
    workshop: "Workshop",
    shop: Application,
    request: Request,
    form: FormData,
    error: RetentionError,
) -> Response:
    """Tell what a service has refused; its transaction is already rolled back."""
    status = HTTPStatus.CONFLICT
    if isinstance(error, NotFoundError):
        status = HTTPStatus.NOT_FOUND
    elif isinstance(error, NotAllowedError) and request.method != "POST":
        status = HTTPStatus.FORBIDDEN
    now = utc_now()
    with reading(shop.engine) as session:
        found = _who(session, shop, request)
        if found is None:
            return _to_sign_in(request)
        visit = Visit(request, shop, session, *found, now, workshop.broken, form)
        return refusals.refused(visit, error, status)
