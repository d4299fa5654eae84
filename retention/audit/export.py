"""Everything that is kept of one customer, for them to have: who asked for it is in the audit."""

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from retention.db.models.audit import AuditRecord
from retention.db.models.customer_pages import (
    CustomerLink,
    InstalmentPlan,
    Preference,
    ReceivedEvent,
    Submission,
    WebhookEvent,
)
from retention.db.models.every import Base
from retention.db.models.exemptions import Exclusion, Handover, Holdout, Waiver
from retention.db.models.incoming import DeadAddress, Incoming
from retention.db.models.work.actions import (
    Action,
    AgreedCall,
    Approval,
    Comment,
    Offer,
    Receipt,
    Rendering,
)
from retention.db.models.work.cases import Case, CaseEvent
from retention.db.models.work.messages import DeliveryAttempt, Message
from retention.db.recording import Entry, record
from retention.domain.people import Person, Role, refuse, require_reason
from retention.snapshots import store as snapshots
from retention.snapshots.customers import read_rows

EXPORTED = "customer.exported"
MAY_EXPORT = frozenset({Role.DIRECTOR, Role.OPS})
_LEFT_OUT = frozenset({"raw", "token", "salt", "letter", "token_hash"})


def export(
    session: Session, root: Path, customer_id: str, person: Person, reason: str, now: datetime
) -> dict[str, Any]:
    """Return all rows about a customer by table, and what the newest night knows of them.

    Raises NotAllowedError for who is neither a director nor of the operations team.
    """
    if not person.roles & MAY_EXPORT:
        refuse("an export", f"'{person.person_id}' may not make one", "Ask ops or a director.")
    said = require_reason("an export", reason)
    found: dict[str, Any] = {"customer_id": customer_id, "made_at": now.isoformat()}
    night = snapshots.newest(root)
    if night:
        row = read_rows(root, night, [customer_id]).get(customer_id)
        found["newest_night"] = {"as_of": night.isoformat(), **_plain(row or {})}
    for model, whose in _theirs(customer_id):
        rows = session.scalars(select(model).where(whose)).all()
        found[model.__tablename__] = [_row(one) for one in rows]
    document = {"by": person.person_id, "reason": said}
    record(session, Entry(now, EXPORTED, "a customer", document, customer_id))
    return found


def _theirs(customer_id: str) -> Iterator[tuple[type[Base], ColumnElement[bool]]]:
    actions = select(Action.id).where(Action.customer_id == customer_id).scalar_subquery()
    messages = select(Message.id).where(Message.action_id.in_(actions)).scalar_subquery()
    cases = select(Case.id).where(Case.customer_id == customer_id).scalar_subquery()
    for model in (Case, Action, Receipt, Exclusion, Handover, Holdout, Incoming, DeadAddress,
                  Submission, InstalmentPlan, Preference, ReceivedEvent, WebhookEvent,
                  CustomerLink, AuditRecord):  # fmt: skip
        yield model, model.customer_id == customer_id
    for about in (Rendering, Approval, Offer, AgreedCall, Comment, Message):
        yield about, about.action_id.in_(actions)
    yield DeliveryAttempt, DeliveryAttempt.message_id.in_(messages)
    yield CaseEvent, CaseEvent.case_id.in_(cases)
    yield Waiver, Waiver.case_id.in_(cases)


def _row(one: Base) -> dict[str, Any]:
    names = [column.key for column in one.__table__.columns if column.key not in _LEFT_OUT]
    return _plain({name: getattr(one, name) for name in names})


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """Return values that JSON knows, without rounding any."""
    return {name: _value(value) for name, value in row.items()}


def _value(value: Any) -> Any:
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, Decimal | Enum):
        return str(value)
    if isinstance(value, list):
        return [_plain(one) if isinstance(one, dict) else _value(one) for one in value]
    return value
