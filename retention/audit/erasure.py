"""Forget a person, and leave proof that it was done."""

from datetime import datetime
from pathlib import Path

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from retention.audit.verify import ERASED
from retention.db.chain import Entry, record
from retention.db.models import (
    Action,
    Approval,
    AuditRecord,
    Case,
    Comment,
    DeadAddress,
    DeliveryAttempt,
    Exclusion,
    Handover,
    Incoming,
    Message,
    Offer,
    Rendering,
    Waiver,
)
from retention.domain.cases import CaseState
from retention.domain.errors import NotAllowedError
from retention.domain.people import Permission, Person, require, require_reason
from retention.snapshots import store as snapshots

_GONE = "erased"


def erase(
    session: Session, root: Path, customer_id: str, person: Person, reason: str, now: datetime
) -> int:
    """Erase what is personal of a customer; return how many records that were.

    Audit records, messages, notes, answers and names are gone; ids, hashes and dates stay, and the
    chain holds. Raises NotAllowedError for who may not, without a reason, or while a
    case is open.
    """
    subject = f"customer {customer_id}"
    require(person, Permission.ERASE, subject=subject)
    said = require_reason(subject, reason)
    open_case = select(Case.id).where(Case.customer_id == customer_id, Case.state == CaseState.OPEN)
    if session.scalar(open_case.limit(1)) is not None:
        raise NotAllowedError(subject, "has an open case", "Exempt the customer first.")
    numbers = list(
        session.scalars(
            select(AuditRecord.number)
            .where(AuditRecord.customer_id == customer_id)
            .order_by(AuditRecord.number)
        )
    )
    session.execute(delete(AuditRecord).where(AuditRecord.customer_id == customer_id))
    _erase_rows(session, customer_id)
    snapshots.erase_person(root, customer_id)
    document = {"numbers": numbers, "by": person.person_id, "reason": said}
    record(session, Entry(now, ERASED, "a customer", document))
    return len(numbers)


def _erase_rows(session: Session, customer_id: str) -> None:
    theirs = select(Action.id).where(Action.customer_id == customer_id).scalar_subquery()
    session.execute(
        update(Rendering)
        .where(Rendering.action_id.in_(theirs))
        .values(recipient=_GONE, subject=_GONE, text=_GONE, html=_GONE, raw=b"", timezone=None)
        .execution_options(synchronize_session=False)
    )
    session.execute(
        delete(Comment)
        .where(Comment.action_id.in_(theirs))
        .execution_options(synchronize_session=False)
    )
    session.execute(
        update(Offer)
        .where(Offer.action_id.in_(theirs))
        .values(note=None)
        .execution_options(synchronize_session=False)
    )
    session.execute(
        update(Action).where(Action.customer_id == customer_id).values(note=None, answers=None)
    )
    session.execute(
        update(Message)
        .where(Message.action_id.in_(theirs))
        .values(last_text=None)
        .execution_options(synchronize_session=False)
    )
    session.execute(
        update(Approval)
        .where(Approval.action_id.in_(theirs))
        .values(reason=None)
        .execution_options(synchronize_session=False)
    )
    messages = select(Message.id).where(Message.action_id.in_(theirs)).scalar_subquery()
    session.execute(
        update(DeliveryAttempt)
        .where(DeliveryAttempt.message_id.in_(messages))
        .values(reply=None)
        .execution_options(synchronize_session=False)
    )
    cases = select(Case.id).where(Case.customer_id == customer_id).scalar_subquery()
    session.execute(
        update(Waiver)
        .where(Waiver.case_id.in_(cases))
        .values(reason=_GONE, note=None)
        .execution_options(synchronize_session=False)
    )
    session.execute(update(Handover).where(Handover.customer_id == customer_id).values(note=None))
    session.execute(update(Exclusion).where(Exclusion.customer_id == customer_id).values(note=""))
    session.execute(
        update(Incoming)
        .where(Incoming.customer_id == customer_id)
        .values(sender=None, subject=None, text=None)
    )
    session.execute(delete(DeadAddress).where(DeadAddress.customer_id == customer_id))
