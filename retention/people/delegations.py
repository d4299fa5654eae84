"""Who acts for whom, and for how long."""

from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from retention.db.models.team import Delegation
from retention.db.recording import Entry, record
from retention.domain.errors import NotFoundError
from retention.domain.people import Person, Role, refuse, require_reason
from retention.people.actor import NEVER_DEPUTIES, Actor


def delegate(
    session: Session,
    actor: Actor,
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
    principal = principal or actor.person
    subject = f"delegation of {principal.person_id}"
    if principal != actor.person and Role.DIRECTOR not in actor.person.roles:
        refuse(subject, f"'{actor.person.person_id}' may not lend it", "Ask them, or a director.")
    if deputy.person_id in (principal.person_id, actor.person.person_id) and (
        deputy.person_id == principal.person_id or principal != actor.person
    ):
        refuse(subject, "nobody lends a role to themselves", "Name somebody else.")
    if deputy.roles & NEVER_DEPUTIES:
        refuse(subject, f"'{deputy.person_id}' runs or audits the programme", "Name another.")
    said = require_reason(subject, reason)
    if not actor.on <= ends_on or ends_on < starts_on:
        refuse(subject, f"it would run from {starts_on} to {ends_on}", "Correct the dates.")
    row = Delegation(
        principal_id=principal.person_id,
        deputy_id=deputy.person_id,
        starts_on=starts_on,
        ends_on=ends_on,
        reason=said,
        author=actor.person.person_id,
        created_at=actor.now,
    )
    session.add(row)
    session.flush()
    _told(session, actor, row, "delegation.made")
    return row


def revoke(session: Session, actor: Actor, delegation_id: int) -> Delegation:
    """End a delegation. Raises NotFoundError, or NotAllowedError for an outsider."""
    row = session.get(Delegation, delegation_id)
    if row is None or row.revoked_at is not None:
        raise NotFoundError(
            f"delegation {delegation_id}", "is not in force", "See 'retention team show'."
        )
    insiders = (row.principal_id, row.deputy_id, row.author)
    if actor.person.person_id not in insiders and Role.DIRECTOR not in actor.person.roles:
        refuse(f"delegation {delegation_id}", "it is not yours", "Ask a director.")
    row.revoked_at = actor.now
    _told(session, actor, row, "delegation.revoked")
    return row


def list_delegations(session: Session, today: date) -> list[Delegation]:
    """Return the delegations that are in force or will be."""
    query = select(Delegation).where(Delegation.revoked_at.is_(None), Delegation.ends_on >= today)
    return list(session.scalars(query.order_by(Delegation.starts_on, Delegation.id)))


def _told(session: Session, actor: Actor, row: Delegation, kind: str) -> None:
    document = {
        "by": actor.person.person_id,
        "principal": row.principal_id,
        "deputy": row.deputy_id,
        "starts_on": row.starts_on,
        "ends_on": row.ends_on,
        "reason": row.reason,
    }
    record(session, Entry(actor.now, kind, f"delegation {row.id}", document))
