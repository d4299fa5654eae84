"""From a link to a page: is it one of ours, does it still work, and then the page's handler.

A page is made in a transaction that only reads: opening, scanning and fetching ahead change
nothing. A form is taken in one that is kept when it ends without an error.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from anyio import to_thread
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from retention.answers.respondent import respondent_of
from retention.bootstrap import Application
from retention.clock import utc_now
from retention.db.session import reading, writing
from retention.domain.customer_pages import PagePurpose
from retention.domain.errors import NotFoundError, RetentionError
from retention.messages import customer_links
from retention.web.answering import MOST_BYTES
from retention.web.customer import (
    deciding,
    limits,
    papers,
    preferring,
    survey,
    times,
)
from retention.web.customer.guest import Guest, base_of, over, words_in
from retention.web.workshop import Workshop

_LOG = logging.getLogger("retention.web")
Handler = Callable[[Guest], Response]
_DECIDING = (PagePurpose.OFFER, PagePurpose.NOTICE, PagePurpose.DEBT)
_CALLING = (*_DECIDING, PagePurpose.CALL)


@dataclass(frozen=True, slots=True)
class CustomerPage:
    """A page of some purposes: its address behind the link, its method, and what makes it."""

    tail: str
    purposes: tuple[PagePurpose, ...]
    handler: Handler
    method: str = "GET"
    keeps: bool = False

    def name(self, purpose: PagePurpose) -> str:
        """What the page is called in logs and in the matrix of pages; no token is in it."""
        return f"{self.method} /c/{purpose}/{{token}}{self.tail}"


PAGES: tuple[CustomerPage, ...] = (
    CustomerPage("", _DECIDING, deciding.show),
    CustomerPage("/confirm", _DECIDING, deciding.confirm, "POST", keeps=True),
    CustomerPage("", (PagePurpose.CALL,), times.show_times),
    CustomerPage("/times", _CALLING, times.show_times),
    CustomerPage("/times", _CALLING, times.book, "POST", keeps=True),
    CustomerPage("/call.ics", _CALLING, times.calendar),
    CustomerPage("", (PagePurpose.SURVEY,), survey.show),
    CustomerPage("", (PagePurpose.SURVEY,), survey.answer, "POST", keeps=True),
    CustomerPage("", (PagePurpose.PREFERENCES,), preferring.show),
    CustomerPage("", (PagePurpose.PREFERENCES,), preferring.save, "POST", keeps=True),
    CustomerPage("/letter.pdf", (PagePurpose.OFFER, PagePurpose.NOTICE), papers.letter),
)


def routes(workshop: Workshop) -> list[Route]:
    """Return the routes of all pages."""
    base = base_of(workshop.application)
    counted = limits.Limits()
    return [
        _route(page, purpose, base, workshop, counted)
        for page in PAGES
        for purpose in page.purposes
    ] + [_nowhere(base, workshop, counted)]


def _nowhere(base: str, workshop: Workshop, counted: limits.Limits) -> Route:
    """Whatever else is asked for below the pages: the same kind words as for any wrong link."""

    def endpoint(request: Request) -> Response:
        return _unknown(workshop.current(utc_now()), request, counted)

    methods = ["GET", "HEAD", "POST"]
    return Route(f"{base}/{{rest:path}}", endpoint, methods=methods, name="ANY /c/{rest}")


def _route(
    page: CustomerPage,
    purpose: PagePurpose,
    base: str,
    workshop: Workshop,
    counted: limits.Limits,
) -> Route:
    async def endpoint(request: Request) -> Response:
        form = FormData()
        if page.method == "POST":
            form = await request.form(max_files=0, max_fields=50, max_part_size=MOST_BYTES)
        found = await to_thread.run_sync(_answer, page, purpose, workshop, counted, request, form)
        found.headers["Referrer-Policy"] = "no-referrer"  # the address is a key
        return found

    methods = ["GET", "HEAD"] if page.method == "GET" else [page.method]
    path = f"{base}/{purpose}/{{token}}{page.tail}"
    return Route(path, endpoint, methods=methods, name=page.name(purpose))


def _answer(
    page: CustomerPage,
    purpose: PagePurpose,
    workshop: Workshop,
    counted: limits.Limits,
    request: Request,
    form: FormData,
) -> Response:
    now = utc_now()
    shop, token = workshop.current(now), request.path_params["token"]
    if counted.is_too_often(f"link {token[:64]}", limits.PER_LINK, now):
        return _closed(shop, request, HTTPStatus.TOO_MANY_REQUESTS, "often")
    opening = writing if page.keeps else reading
    try:
        with opening(shop.engine) as session:
            link, works = customer_links.find(session, token, purpose, now)
            if link is None:
                return _unknown(shop, request, counted)
            if not works:
                return _closed(shop, request, HTTPStatus.GONE, "over")
            who = respondent_of(session, link, shop.policies, shop.sender, shop.folders, now,
                                lock=page.keeps)  # fmt: skip
            if page.method == "GET":
                score = request.query_params.get("score", "")
                counted.note_opened(link.action_id, (purpose, score), now)
            many = counted.were_many_opened(link.action_id, now)
            return page.handler(Guest(request, shop, link, who, token, now, many, form))
    except NotFoundError:
        return _closed(shop, request, HTTPStatus.GONE, "over")
    except RetentionError as error:
        _LOG.warning("%s: %s", page.name(purpose), type(error).__name__)
        return _closed(shop, request, HTTPStatus.CONFLICT, "changed")


def _unknown(shop: Application, request: Request, counted: limits.Limits) -> Response:
    """A link that is none: it looks the same whatever was wrong with it."""
    address = request.client.host if request.client else "nowhere"
    if counted.is_too_often(f"unknown {address}", limits.UNKNOWN_PER_ADDRESS, utc_now()):
        return _closed(shop, request, HTTPStatus.TOO_MANY_REQUESTS, "often")
    return _closed(shop, request, HTTPStatus.NOT_FOUND, "unknown")


def _closed(shop: Application, request: Request, status: HTTPStatus, reason: str) -> Response:
    asked = request.query_params.get("language") or request.headers.get("accept-language", "en")
    words = words_in(shop, asked[:2].lower(), shop.settings.timezone, None)
    return over(shop, words, status, reason)
