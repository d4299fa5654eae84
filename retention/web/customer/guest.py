"""One request of a customer: which link, in which words, and what its page is made with."""

import hashlib
from base64 import b64encode
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property, lru_cache
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from retention.answers.respondent import Respondent
from retention.answers.submissions import how_many
from retention.bootstrap import Application
from retention.db.canonical import canonical, plain, sha256
from retention.db.models.customer_pages import CustomerLink, Preference
from retention.domain.customer_pages import PagePurpose
from retention.safeguards import preferences
from retention.web.customer import nonces
from retention.web.wording import LANGUAGES, Wording, wording

STYLE = "customer.css"
_SEE_OTHER = 303
_KEPT = frozenset({"chosen", "said", "change", "score"})
MOST_LETTERS = 4000
"""Of a customer's words: what is longer is refused, with the words still in their field."""


@dataclass
class Guest:
    """What a customer's page knows. `link` is theirs, `who` the customer and their message."""

    request: Request
    shop: Application
    link: CustomerLink
    who: Respondent
    token: str
    now: datetime
    many: bool = False
    form: FormData = field(default_factory=FormData)

    @cached_property
    def words(self) -> Wording:
        """How this customer is spoken to: as chosen on the page, else as their message was."""
        asked = self.request.query_params.get("language") or self.typed("language")
        chosen = self.who.session.get(Preference, self.who.customer_id)
        rendering = self.who.action.rendering
        usual = chosen.language if chosen and chosen.language else None
        language = asked if asked in LANGUAGES else usual or (rendering and rendering.language)
        return words_in(self.shop, language or "en", self.who.zone.key, self.who.row.get("country"))

    @property
    def version(self) -> int:
        """How many answers this page has; of preferences, which ones hold now."""
        if self.who.purpose is PagePurpose.PREFERENCES:
            now = preferences.present(self.who.session, self.who.customer_id, self.who.today)
            return int(sha256(canonical(plain(now)))[:12], 16)
        return how_many(self.who.session, self.who.action.id, self.who.purpose)

    @property
    def nonce(self) -> str:
        """What a form of this page carries."""
        key = self.shop.settings.token_key
        return nonces.make(key, self.link.token_hash, self.version, self.now)

    @property
    def shown(self) -> nonces.Shown | None:
        """What the form that was sent says of itself."""
        key = self.shop.settings.token_key
        return nonces.read(key, self.link.token_hash, self.typed("nonce"), self.now)

    def typed(self, name: str, most: int = 200) -> str:
        """Return what was typed into a field; no file is ever taken, no control ever kept."""
        value = self.form.get(name, "")
        text = value if isinstance(value, str) else ""
        kept = "".join(c for c in text if c.isprintable() or c in "\n\t")
        return kept.strip()[: most + 1]

    def address(self, tail: str = "", **query: str) -> str:
        """Return the address of a page of this link; who has changed the language keeps it."""
        chosen = self.request.query_params.get("language") or self.typed("language")
        asked = {**({"language": chosen} if chosen in LANGUAGES else {}), **query}
        return f"{self.path(tail)}?{urlencode(asked)}" if asked else self.path(tail)

    def path(self, tail: str = "") -> str:
        """Return the path of a page of this link."""
        return f"{base_of(self.shop)}/{self.link.purpose}/{self.token}{tail}"

    def go(self, tail: str = "", **query: str) -> Response:
        """Send the browser on to another page of this link."""
        return RedirectResponse(self.address(tail, **query), _SEE_OTHER)

    def page(self, template: str, status: int = 200, **values: Any) -> Response:
        """Return a page."""
        other = "es" if self.words.language == "en" else "en"
        posted = self.request.method == "POST"
        tail = "" if posted else self.request.url.path.partition(self.token)[2]
        asked = {} if posted else dict(self.request.query_params)
        kept = {name: text for name, text in asked.items() if name in _KEPT}
        return answer(
            self.shop, self.words, template, status, guest=self, nonce=self.nonce,
            owner=self.who.owner, reference=self.who.action.id[:8].upper(),
            other=(other, LANGUAGES[other], self.address(tail, **{**kept, "language": other})),
            **values,
        )  # fmt: skip


def words_in(shop: Application, language: str, zone: str, country: str | None) -> Wording:
    """Return the wording of a language, with dates and money as people of a country write them."""
    found = wording(shop.settings.templates_dir, language, shop.policies.costs.currency, zone)
    return replace(found, country=country or "")


def base_of(shop: Application) -> str:
    """Return the path before all customers' pages, as the public address has it."""
    public = shop.settings.public_url or ""
    path = public.partition("://")[2].partition("/")[2].strip("/")
    return f"/{path}/c" if path else "/c"


def answer(
    shop: Application, words: Wording, template: str, status: int = 200, **values: Any
) -> Response:
    """Return a page with its style in it: one round trip, and nothing else is ever loaded."""
    root = shop.settings.templates_dir
    style, digest = _style(root, (root / "web" / "customer" / STYLE).stat().st_mtime_ns)
    html = environment(root).get_template(template).render(
        _=words.say, count=words.count, w=words, company=shop.settings.company_name,
        style=style, brand=shop.policies.brand, **values,
    )  # fmt: skip
    response = HTMLResponse(html, status)
    response.headers["Content-Security-Policy"] = (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    )
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def over(shop: Application, words: Wording, status: HTTPStatus, reason: str) -> Response:
    """Say kindly that a link does not work; nothing says whether it ever did, or for whom."""
    team = shop.policies.team
    contact = team.people[team.default_account_manager]
    return answer(shop, words, "over.html", int(status), reason=reason, guest=None, other=None,
                  contact=contact)  # fmt: skip


@lru_cache(maxsize=4)
def _style(root: Path, changed_at: int) -> tuple[str, str]:  # noqa: ARG001 - read anew when changed
    text = (root / "web" / "customer" / STYLE).read_text("utf-8")
    return text, b64encode(hashlib.sha256(text.encode()).digest()).decode()


@lru_cache(maxsize=4)
def environment(root: Path) -> Environment:
    """Return the environment of the customers' pages."""
    return Environment(
        loader=FileSystemLoader(root / "web" / "customer"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
