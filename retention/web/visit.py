"""One request of somebody who is signed in: who, in which words, and what the page is made with."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, partial
from typing import Any

from sqlalchemy.orm import Session
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from retention.audit import looks
from retention.bootstrap import Application
from retention.db.models.console import Account, WebSession
from retention.db.models.work.actions import Action
from retention.domain.dates import date_in
from retention.domain.people import Person, Role
from retention.people.actor import Actor
from retention.safeguards import kill_switch, stop_file
from retention.snapshots.directory import Directory, directory
from retention.web.pages import environment
from retention.web.refusal_words import in_words
from retention.web.wording import Wording, wording

SEE_OTHER = 303


@dataclass
class Visit:
    """What a page knows. `form` is what was posted, `session` the transaction it works in.

    `looked` are the customers that it shows and whose look is not in the audit yet today, `viewed`
    the messages that it shows for the first time: both are noted when the page is made.
    """

    request: Request
    shop: Application
    session: Session
    signed_in: WebSession
    person: Person
    account: Account | None
    now: datetime
    broken: str | None = None
    form: FormData = field(default_factory=FormData)
    looked: set[str] = field(default_factory=set)
    viewed: list[Action] = field(default_factory=list)

    @cached_property
    def actor(self) -> Actor:
        """Who decides."""
        zone = self.shop.settings.timezone
        return Actor(self.shop.policies, self.person, self.now, date_in(self.now, zone), zone)

    @cached_property
    def words(self) -> Wording:
        """How this person is spoken to."""
        chosen = self.account.language if self.account else None
        return wording(
            self.shop.settings.templates_dir,
            chosen or self.person.language,
            self.shop.policies.costs.currency,
            self.shop.settings.timezone,
        )

    @cached_property
    def people(self) -> Directory:
        """The customers of the newest night."""
        return directory(self.shop.folders.snapshots)

    def find(self, said: str, limit: int | None, sees: Collection[str] | None) -> list[str]:
        """Return ids of customers in whom the words are found, of account managers in `sees`.

        Whoever has none of the team's is the default one's, here as everywhere.
        """
        if sees is None:
            return self.people.search(said, limit)
        of = self.shop.policies.team.account_manager_of
        named = {manager for manager in self.people.managers if of(manager).person_id in sees}
        return self.people.search(said, limit, named)

    def owner_of(self, customer_id: str) -> str:
        """Return the id of a customer's account manager, by the newest night."""
        known = self.people.rows([customer_id]).get(customer_id, {})
        return self.shop.policies.team.account_manager_of(known.get("account_manager")).person_id

    def note_look(self, customer_id: str) -> None:
        """Say that this person is shown a customer: once a day it goes into the audit."""
        zone = self.shop.settings.timezone
        if not looks.is_noted(self.session, customer_id, self.person.person_id, self.now, zone):
            self.looked.add(customer_id)

    def is_one_of(self, *roles: Role) -> bool:
        """Return whether this person has one of these roles."""
        return bool(self.person.roles & set(roles))

    def asked(self, name: str, default: str = "") -> str:
        """Return what the address asks for."""
        return self.request.query_params.get(name, default)

    def typed(self, name: str, default: str = "") -> str:
        """Return what was typed into a field of the form; no file is ever taken."""
        value = self.form.get(name, default)
        return value if isinstance(value, str) else default

    def page(self, template: str, status: int = 200, **values: Any) -> Response:
        """Return a page."""
        html = render(
            self.shop, template, self.words,
            visit=self, me=self.person, account=self.account, now=self.now,
            csrf=self.signed_in.csrf, path=self.request.url.path, stopped=self._stopped(),
            broken=self.broken, **values,
        )  # fmt: skip
        return HTMLResponse(html, status)

    def _stopped(self) -> Mapping[str, str]:
        """What is stopped: every page says so while it is."""
        stopped = dict(kill_switch.stopped(self.session))
        if stop_file.is_stopped(self.shop.settings.stop_file):
            stopped["file"] = str(self.shop.settings.stop_file.name)
        return stopped

    def go(self, address: str) -> Response:
        """Send the browser on to a page of ours."""
        return RedirectResponse(address, SEE_OTHER)


def render(shop: Application, template: str, words: Wording, **values: Any) -> str:
    """Return a page's HTML in somebody's words."""
    page = environment(shop.settings.templates_dir).get_template(template)
    return page.render(
        _=words.say,
        count=words.count,
        w=words,
        in_words=partial(in_words, shop.settings.templates_dir, words),
        company=shop.settings.company_name,
        logo=shop.policies.brand.logo is not None,
        **values,
    )
