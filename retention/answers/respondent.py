"""A customer at one of their pages: which message it belongs to, and what is known of them now."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload

from retention.actions.acknowledgements import confirm
from retention.db import locks
from retention.db.models.customer_pages import CustomerLink
from retention.db.models.work.actions import Action
from retention.db.models.work.cases import Case
from retention.domain.customer_pages import PagePurpose
from retention.domain.dates import date_in
from retention.domain.errors import NotFoundError
from retention.domain.people import Person
from retention.messages.locale import zone_of
from retention.messages.rendering import Plain
from retention.messages.sender import Sender
from retention.messages.terms import Terms
from retention.people.actor import Author
from retention.policies.load import Policies
from retention.safeguards.exclusions import CUSTOMER
from retention.snapshots.customers import read_rows
from retention.snapshots.folders import Folders


@dataclass
class Respondent:
    """Who answers, and about what. `session` is the transaction in which they do."""

    session: Session
    action: Action
    purpose: PagePurpose
    policies: Policies
    sender: Sender
    folders: Folders
    now: datetime

    @cached_property
    def row(self) -> dict[str, Any]:
        """What the newest night knows of the customer; empty for who is not in it any more."""
        night = self.folders.newest()
        found = read_rows(self.folders.snapshots, night, [self.customer_id])
        return found.get(self.customer_id, {})

    @property
    def customer_id(self) -> str:
        """Whose page it is."""
        return self.action.customer_id

    @property
    def owner(self) -> Person:
        """Who looks after this customer; the team's default one for somebody who has left."""
        return self.policies.team.account_manager_of(self.action.owner)

    @cached_property
    def zone(self) -> ZoneInfo:
        """The customer's own time zone, or the company's."""
        return ZoneInfo(zone_of(self.row) or self.sender.timezone)

    @property
    def today(self) -> date:
        """The company's date: holds and tasks count by it."""
        return date_in(self.now, self.sender.timezone)

    @property
    def author(self) -> Author:
        """Who this is in records. A day that is not over where the customer is still counts."""
        theirs = self.now.astimezone(self.zone).date()
        return Author(CUSTOMER, self.now, min(self.today, theirs))

    def answer_by(self, said_at: datetime | None = None) -> datetime:
        """When somebody has answered at the latest what was said then: its hour counts too."""
        rules = self.policies.conversations
        local = (said_at or self.now).astimezone(ZoneInfo(self.sender.timezone))
        workdays = self.policies.calendars.of_company(local.date())
        day = rules.answer_within.after(local.date(), workdays)
        return local + timedelta(days=(day - local.date()).days)

    def receipt(self, said: str, **values: Plain) -> None:
        """Confirm in writing what was said; without an address the page alone does."""
        told: dict[str, Plain] = {"said": said, "new_fee": None, "until": self.today,
                                  "answer_by": self.answer_by().date(), **values}  # fmt: skip
        confirm(
            self.session, self.action, self.author, self.policies, self.sender, self.folders,
            Terms(more={"receipt": told}),
        )  # fmt: skip


def respondent_of(
    session: Session,
    link: CustomerLink,
    policies: Policies,
    sender: Sender,
    folders: Folders,
    now: datetime,
    *,
    lock: bool = False,
) -> Respondent:
    """Return who answers by a link. With `lock` two answers at once come one after the other.

    Raises NotFoundError for a message that was erased.
    """
    query = select(Action).where(Action.id == link.action_id)
    if lock:
        locks.lock(session, f"customer {link.customer_id}")
        session.execute(select(Action.id).where(Action.id == link.action_id).with_for_update())
    query = query.options(
        joinedload(Action.case).selectinload(Case.events),
        joinedload(Action.rendering),
        joinedload(Action.offer),
        joinedload(Action.message),
        joinedload(Action.agreed_call),
        selectinload(Action.approvals),
    )
    action = session.scalars(query.execution_options(populate_existing=True)).one_or_none()
    if action is None or action.rendering is None or not action.rendering.raw:
        raise NotFoundError("the message of a link", "is not kept any more", "Call us.")
    return Respondent(session, action, link.purpose, policies, sender, folders, now)
