"""Forget a person, and leave proof that it was done."""

from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.orm import Session

from retention.audit.verify import ERASED
from retention.db.models.audit import AuditRecord
from retention.db.models.console import Draft
from retention.db.models.customer_pages import CustomerLink, Preference, ReceivedEvent, Submission
from retention.db.models.every import Base
from retention.db.models.exemptions import Exclusion, Handover, Waiver
from retention.db.models.incoming import DeadAddress, Incoming
from retention.db.models.work.actions import Action, Approval, Comment, Offer, Rendering
from retention.db.models.work.cases import Case
from retention.db.models.work.messages import DeliveryAttempt, Message
from retention.db.recording import Entry, record
from retention.db.seals import SILENT, touch
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
    for model, whose, gone in _forgotten(customer_id):
        keys = list(map(tuple, session.execute(select(*model.__table__.primary_key).where(whose))))
        statement = delete(model) if gone is None else update(model).values(gone)
        session.execute(statement.where(whose).execution_options(synchronize_session=False))
        if model in SILENT:
            touch(session, model, keys)


def _forgotten(
    customer_id: str,
) -> list[tuple[type[Base], ColumnElement[bool], dict[str, Any] | None]]:
    """What is personal of a customer: whose rows, and what they say from now on; None removes."""
    actions = select(Action.id).where(Action.customer_id == customer_id).scalar_subquery()
    messages = select(Message.id).where(Message.action_id.in_(actions)).scalar_subquery()
    cases = select(Case.id).where(Case.customer_id == customer_id).scalar_subquery()
    words = dict.fromkeys(("recipient", "subject", "text", "html"), _GONE)
    return [
        (
            Rendering,
            Rendering.action_id.in_(actions),
            {**words, "raw": b"", "letter": None, "edits": None, "timezone": None},
        ),
        (Comment, Comment.action_id.in_(actions), None),
        (Draft, Draft.action_id.in_(actions), None),
        (Offer, Offer.action_id.in_(actions), {"note": None}),
        (Action, Action.customer_id == customer_id, {"note": None, "answers": None}),
        (Message, Message.action_id.in_(actions), {"last_text": None}),
        (Approval, Approval.action_id.in_(actions), {"reason": None}),
        (DeliveryAttempt, DeliveryAttempt.message_id.in_(messages), {"reply": None}),
        (Waiver, Waiver.case_id.in_(cases), {"reason": _GONE, "note": None}),
        (Handover, Handover.customer_id == customer_id, {"note": None}),
        (Exclusion, Exclusion.customer_id == customer_id, {"note": ""}),
        (
            Incoming,
            Incoming.customer_id == customer_id,
            {"sender": None, "subject": None, "text": None},
        ),
        (DeadAddress, DeadAddress.customer_id == customer_id, None),
        (Submission, Submission.customer_id == customer_id, {"values": None}),
        (ReceivedEvent, ReceivedEvent.customer_id == customer_id, {"values": None}),
        (Preference, Preference.customer_id == customer_id, None),
        (CustomerLink, CustomerLink.customer_id == customer_id, None),
    ]
