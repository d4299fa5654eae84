"""Skip a stage: one person asks and says why, another one agrees."""

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from retention.db.models.exemptions import Waiver
from retention.db.models.work.cases import Case
from retention.db.queries.by_id import only
from retention.db.recording import Entry, record
from retention.domain import keys
from retention.domain.people import Permission, refuse, require_reason
from retention.domain.stages import Stage
from retention.domain.transitions import require_move
from retention.domain.waivers import NEVER_WAIVED, WAIVER_MOVES, WaiverState
from retention.people.actor import Actor, may, one_party


def request(
    session: Session, case: Case, stage: Stage, actor: Actor, *, reason: str, owner: str
) -> Waiver:
    """Ask to skip a stage of a case; asking again after a refusal asks anew.

    Raises NotAllowedError for a stage that is never waived, a person who may not, or no reason.
    """
    subject = f"waiver of '{stage}'"
    if stage in NEVER_WAIVED:
        refuse(subject, "this stage is never skipped", "Go through it.")
    if not may(session, actor, Permission.WAIVE, owner):
        refuse(subject, f"'{actor.person.person_id}' may not ask for it", f"Ask {owner}.")
    said = require_reason(subject, reason)
    key = keys.waiver_id(case.id, stage)
    waiver = session.get(Waiver, key)
    if waiver is None:
        waiver = Waiver(id=key, case_id=case.id, stage=stage)
    else:
        require_move(WAIVER_MOVES, waiver.state, WaiverState.REQUESTED, subject=subject)
    waiver.state, waiver.reason = WaiverState.REQUESTED, said
    waiver.requested_by, waiver.requested_at = actor.person.person_id, actor.now
    waiver.decided_by, waiver.decided_at, waiver.note = None, None, None
    session.add(waiver)
    session.flush()
    _tell(session, waiver, case.customer_id, actor, "waiver.requested", reason)
    return waiver


def not_asked_for(session: Session, case: Case, stages: Iterable[Stage]) -> list[Stage]:
    """Return the stages for which nobody waits for an answer, and nobody has got one."""
    asked = {
        waiver.stage
        for waiver in session.scalars(select(Waiver).where(Waiver.case_id == case.id))
        if waiver.state is not WaiverState.REFUSED
    }
    return [stage for stage in stages if stage not in asked]


def decide(
    session: Session, waiver_id: str, actor: Actor, *, granted: bool, note: str, owner: str
) -> Waiver:
    """Grant or refuse a waiver. Raises NotAllowedError for who asked for it, or who may not."""
    waiver = get(session, waiver_id)
    subject = f"waiver {waiver.id[:8]}"
    who = actor.person.person_id
    if who in one_party(session, waiver.requested_by, waiver.requested_at, actor.on):
        refuse(
            subject,
            f"'{who}' has asked for it, or stands in for who has, or the other way round",
            "A second person must.",
        )
    if not may(session, actor, Permission.WAIVE, owner):
        refuse(subject, f"'{actor.person.person_id}' may not decide it", "Ask a director.")
    target = WaiverState.GRANTED if granted else WaiverState.REFUSED
    require_move(WAIVER_MOVES, waiver.state, target, subject=subject)
    waiver.state, waiver.note = target, note.strip()
    waiver.decided_by, waiver.decided_at = actor.person.person_id, actor.now
    customer = session.get_one(Case, waiver.case_id).customer_id
    _tell(session, waiver, customer, actor, f"waiver.{target}", note)
    return waiver


def get(session: Session, waiver_id: str) -> Waiver:
    """Return a waiver by its id or the id's beginning, locked. Raises NotFoundError."""
    query = select(Waiver).with_for_update()
    return only(
        session, query, waiver_id, (Waiver.id,), what="waiver", listed="retention waiver list"
    )


def list_requested(session: Session) -> list[tuple[Waiver, str]]:
    """Return the waivers that wait for a second person, each with its customer."""
    query = (
        select(Waiver, Case.customer_id)
        .join(Case, Case.id == Waiver.case_id)
        .where(Waiver.state == WaiverState.REQUESTED)
        .order_by(Waiver.requested_at, Waiver.id)
    )
    return [(waiver, customer) for waiver, customer in session.execute(query)]


def _tell(
    session: Session, waiver: Waiver, customer_id: str, actor: Actor, kind: str, said: str
) -> None:
    document = {"by": actor.person.person_id, "stage": waiver.stage, "case": waiver.case_id,
                "said": said}  # fmt: skip
    entry = Entry(actor.now, kind, f"waiver {waiver.id}", document, customer_id)
    record(session, entry)
