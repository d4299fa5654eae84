"""Hand a customer over to a partner: with consent, within capacity, done when the partner says."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from retention.db.models.exemptions import Handover
from retention.db.models.work.cases import Case
from retention.db.queries.by_id import only
from retention.db.recording import Entry, record
from retention.domain import keys
from retention.domain.cases import CaseState
from retention.domain.handovers import (
    HANDOVER_MOVES,
    TAKES_A_PLACE,
    HandoverState,
    Partner,
)
from retention.domain.people import Permission, refuse
from retention.domain.stages import Stage
from retention.domain.transitions import require_move
from retention.people.actor import Actor, may


def places_left(session: Session, partner: Partner) -> int:
    """Return how many customers a partner can still take."""
    taken = session.scalar(
        select(func.count())
        .select_from(Handover)
        .where(
            Handover.partner_id == partner.partner_id,
            Handover.state.in_(sorted(TAKES_A_PLACE)),
        )
    )
    return partner.capacity - (taken or 0)


def offer(
    session: Session,
    case: Case,
    partner: Partner,
    actor: Actor,
    *,
    place: tuple[str | None, str | None],
    owner: str,
) -> Handover:
    """Offer a customer of the stage `migrate` a place at a partner; `place` is country and kind.

    Raises NotAllowedError when the case is elsewhere, the partner does not take such customers, has
    no place left, or the customer has a hand-over already.
    """
    subject = f"hand-over to {partner.partner_id}"
    if not may(session, actor, Permission.ANSWER, owner):
        refuse(subject, f"'{actor.person.person_id}' may not offer it", f"Ask {owner}.")
    if case.state is not CaseState.OPEN or case.stage is not Stage.MIGRATE:
        refuse(subject, f"the case is {case.state}, at '{case.stage}'", "Wait for 'migrate'.")
    if not partner.takes(*place):
        refuse(subject, "the partner does not take such customers", "Choose another partner.")
    session.execute(select(Handover.id).where(Handover.case_id == case.id).with_for_update())
    running = session.scalars(
        select(Handover).where(
            Handover.case_id == case.id, Handover.state.in_(sorted(TAKES_A_PLACE))
        )
    ).first()
    if running is not None:
        refuse(subject, f"there is one to {running.partner_id} already", "Withdraw that first.")
    if places_left(session, partner) < 1:
        refuse(subject, f"{partner.name} has no place left", "Choose another partner.")
    key = keys.handover_id(case.id, partner.partner_id)
    if session.get(Handover, key) is not None:
        refuse(subject, "it was refused before", "Choose another partner.")
    row = Handover(id=key, case_id=case.id, customer_id=case.customer_id,
                   partner_id=partner.partner_id, state=HandoverState.OFFERED,
                   changed_by=actor.person.person_id, changed_at=actor.now)  # fmt: skip
    session.add(row)
    session.flush()
    _tell(session, row, actor.person.person_id, actor.now)
    return row


def move(
    session: Session,
    handover_id: str,
    actor: Actor,
    target: HandoverState,
    note: str,
    *,
    owner: str,
) -> Handover:
    """Record the next step of a hand-over. Only the partner's word, in `note`, confirms it.

    Raises NotAllowedError, or MoveNotAllowedError for a step that does not come next.
    """
    row = get(session, handover_id)
    subject = f"hand-over {row.id[:8]}"
    if not may(session, actor, Permission.ANSWER, owner):
        refuse(subject, f"'{actor.person.person_id}' may not change it", f"Ask {owner}.")
    if target is HandoverState.CONFIRMED and not note.strip():
        refuse(subject, "who has confirmed it?", "Name the person at the partner with --note.")
    require_move(HANDOVER_MOVES, row.state, target, subject=subject)
    row.state, row.note = target, note.strip() or row.note
    row.changed_by, row.changed_at = actor.person.person_id, actor.now
    _tell(session, row, actor.person.person_id, actor.now)
    return row


def get(session: Session, handover_id: str) -> Handover:
    """Return a hand-over by its id or the id's beginning, locked. Raises NotFoundError."""
    query = select(Handover).with_for_update()
    return only(
        session, query, handover_id, (Handover.id,), what="hand-over",
        listed="retention handover list",
    )  # fmt: skip


def list_all(session: Session) -> list[Handover]:
    """Return every hand-over, newest change first."""
    return list(session.scalars(select(Handover).order_by(Handover.changed_at.desc())))


def _tell(session: Session, row: Handover, by: str, now: datetime) -> None:
    document = {"partner": row.partner_id, "state": row.state, "by": by, "note": row.note}
    entry = Entry(now, f"handover.{row.state}", f"handover {row.id}", document, row.customer_id)
    record(session, entry)
