"""A person at work: who, when, and for whom they stand in. Every decision comes from a desk."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from retention.db.chain import Entry, record
from retention.db.models import Action, Delegation
from retention.domain.approving import StandIn
from retention.domain.errors import NotFoundError
from retention.domain.people import Permission, Person, Role, refuse
from retention.policies.load import Policies

MIN_REASON = 4
_NEVER_DEPUTIES = frozenset({Role.OPS, Role.AUDITOR})
"""Who runs the nights, or reads the audit, approves nothing, in nobody's place."""


@dataclass(frozen=True, slots=True)
class Desk:
    """Who decides. `on` is the company's calendar date at `now`."""

    policies: Policies
    person: Person
    now: datetime
    on: date

    def tell(self, session: Session, kind: str, action: Action, **said: object) -> None:
        """Record what this person did with an action."""
        document = {"by": self.person.person_id, "stage": action.stage, **said}
        entry = Entry(self.now, kind, f"action {action.id}", document, action.customer_id)
        record(session, entry)


def standing_in(session: Session, desk: Desk) -> list[StandIn]:
    """Return the people for whom this person acts today."""
    rows = session.scalars(
        select(Delegation.principal_id)
        .where(
            Delegation.deputy_id == desk.person.person_id,
            Delegation.starts_on <= desk.on,
            Delegation.ends_on >= desk.on,
            Delegation.revoked_at.is_(None),
        )
        .order_by(Delegation.id)
    )
    if desk.person.roles & _NEVER_DEPUTIES:
        return []
    people = desk.policies.team.people
    known = [people[principal] for principal in dict.fromkeys(rows) if principal in people]
    return [StandIn(person, desk.person.person_id) for person in known]


def may(session: Session, desk: Desk, permission: Permission, owner: str) -> bool:
    """Return whether this person, or somebody they stand in for, may do something on an account."""
    if desk.person.may(permission, owner):
        return True
    return any(s.principal.may(permission, owner) for s in standing_in(session, desk))


def delegate(
    session: Session,
    desk: Desk,
    deputy: Person,
    starts_on: date,
    ends_on: date,
    *,
    principal: Person | None = None,
    reason: str,
) -> Delegation:
    """Let `deputy` act for this person between two dates, both included.

    A director may delegate for another (`principal`) who is away, but never to themselves. Raises
    NotAllowedError.
    """
    principal = principal or desk.person
    subject = f"delegation of {principal.person_id}"
    if principal != desk.person and Role.DIRECTOR not in desk.person.roles:
        refuse(subject, f"'{desk.person.person_id}' may not lend it", "Ask them, or a director.")
    if deputy.person_id in (principal.person_id, desk.person.person_id) and (
        deputy.person_id == principal.person_id or principal != desk.person
    ):
        refuse(subject, "nobody lends a role to themselves", "Name somebody else.")
    if deputy.roles & _NEVER_DEPUTIES:
        refuse(subject, f"'{deputy.person_id}' runs or audits the programme", "Name another.")
    if len(reason.strip()) < MIN_REASON:
        refuse(subject, "the reason says nothing", "Say why.")
    if not desk.on <= ends_on or ends_on < starts_on:
        refuse(subject, f"it would run from {starts_on} to {ends_on}", "Correct the dates.")
    row = Delegation(
        principal_id=principal.person_id,
        deputy_id=deputy.person_id,
        starts_on=starts_on,
        ends_on=ends_on,
        reason=reason.strip(),
        author=desk.person.person_id,
        created_at=desk.now,
    )
    session.add(row)
    session.flush()
    _told(session, desk, row, "delegation.made")
    return row


def revoke(session: Session, desk: Desk, delegation_id: int) -> Delegation:
    """End a delegation. Raises NotFoundError, or NotAllowedError for an outsider."""
    row = session.get(Delegation, delegation_id)
    if row is None or row.revoked_at is not None:
        raise NotFoundError(
            f"delegation {delegation_id}", "is not in force", "See 'retention team show'."
        )
    insiders = (row.principal_id, row.deputy_id, row.author)
    if desk.person.person_id not in insiders and Role.DIRECTOR not in desk.person.roles:
        refuse(f"delegation {delegation_id}", "it is not yours", "Ask a director.")
    row.revoked_at = desk.now
    _told(session, desk, row, "delegation.revoked")
    return row


def list_delegations(session: Session, today: date) -> list[Delegation]:
    """Return the delegations that are in force or will be."""
    query = select(Delegation).where(Delegation.revoked_at.is_(None), Delegation.ends_on >= today)
    return list(session.scalars(query.order_by(Delegation.starts_on, Delegation.id)))


def _told(session: Session, desk: Desk, row: Delegation, kind: str) -> None:
    document = {
        "by": desk.person.person_id,
        "principal": row.principal_id,
        "deputy": row.deputy_id,
        "starts_on": row.starts_on,
        "ends_on": row.ends_on,
        "reason": row.reason,
    }
    record(session, Entry(desk.now, kind, f"delegation {row.id}", document))
