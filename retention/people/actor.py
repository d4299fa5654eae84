"""A person at work: who, when, and for whom they stand in. Every decision comes from an actor."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from retention.db.models.team import Delegation
from retention.db.recording import Entry, record
from retention.domain.approving import StandIn
from retention.domain.people import Permission, Person, Role, refuse

if TYPE_CHECKING:  # who only lists reads no policy and no action
    from retention.db.models.work.actions import Action
    from retention.policies.load import Policies

NEVER_DEPUTIES = frozenset({Role.OPS, Role.AUDITOR})
"""Who runs the nights, or reads the audit, approves nothing, in nobody's place."""


@dataclass(frozen=True, slots=True)
class Author:
    """Who said or did something, and when; `on` is the company's calendar date at `now`.

    It carries no permission: what a customer says of their own comes from an author too.
    """

    name: str
    now: datetime
    on: date

    def tell(self, session: Session, kind: str, action: "Action", **said: object) -> None:
        """Record what was done with an action."""
        document = {"by": self.name, "stage": action.stage, **said}
        entry = Entry(self.now, kind, f"action {action.id}", document, action.customer_id)
        record(session, entry)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who decides. `on` is the calendar date at `now` in the company's `zone`."""

    policies: "Policies"
    person: Person
    now: datetime
    on: date
    zone: str

    @property
    def author(self) -> Author:
        """Who this is in records."""
        return Author(self.person.person_id, self.now, self.on)

    def tell(self, session: Session, kind: str, action: "Action", **said: object) -> None:
        """Record what this person did with an action."""
        self.author.tell(session, kind, action, **said)


def standing_in(session: Session, actor: Actor) -> list[StandIn]:
    """Return the people for whom this person acts today."""
    rows = session.scalars(
        select(Delegation.principal_id)
        .where(
            Delegation.deputy_id == actor.person.person_id,
            Delegation.starts_on <= actor.on,
            Delegation.ends_on >= actor.on,
            Delegation.revoked_at.is_(None),
        )
        .order_by(Delegation.id)
    )
    if actor.person.roles & NEVER_DEPUTIES:
        return []
    people = actor.policies.team.people
    known = [people[principal] for principal in dict.fromkeys(rows) if principal in people]
    return [StandIn(person, actor.person.person_id) for person in known]


def one_party(session: Session, person_id: str, since: datetime, until: date) -> set[str]:
    """Return a person, and who was their deputy or principal since then: they speak as one."""
    lent = session.execute(
        select(Delegation.principal_id, Delegation.deputy_id).where(
            or_(Delegation.principal_id == person_id, Delegation.deputy_id == person_id),
            or_(Delegation.revoked_at.is_(None), Delegation.revoked_at > since),
            Delegation.starts_on <= until,
            Delegation.ends_on >= since.date(),
        )
    )
    return {person_id}.union(*lent)


def may(session: Session, actor: Actor, permission: Permission, owner: str) -> bool:
    """Return whether this person, or somebody they stand in for, may do something on an account."""
    if actor.person.may(permission, owner):
        return True
    return any(s.principal.may(permission, owner) for s in standing_in(session, actor))


def require_sight(session: Session, actor: Actor, subject: str, owner: str) -> None:
    """Refuse to show what is on somebody else's account. Raises NotAllowedError."""
    if not may(session, actor, Permission.SEE, owner):
        refuse(subject, "is not on one of your accounts", f"Ask {owner}.")
