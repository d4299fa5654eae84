"""Who has looked at a customer: once a day for each person, in the audit."""

from collections.abc import Collection
from datetime import datetime, time
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from retention.db.models.audit import AuditEvent, AuditRecord
from retention.db.recording import Entry, record

LOOKED = "customer.looked_at"


def is_noted(
    session: Session, customer_id: str, person_id: str, now: datetime, timezone: str
) -> bool:
    """Return whether a person's look at a customer is already in the audit of this day."""
    zone = ZoneInfo(timezone)
    midnight = datetime.combine(now.astimezone(zone).date(), time(0), zone)
    rows = session.scalars(
        select(AuditRecord.document)
        .join(AuditEvent, AuditEvent.number == AuditRecord.number)
        .where(
            AuditRecord.customer_id == customer_id,
            AuditEvent.kind == LOOKED,
            AuditEvent.at >= midnight,
        )
    )
    return any(document.get("by") == person_id for document in rows)


def note(session: Session, customers: Collection[str], person_id: str, now: datetime) -> None:
    """Write down that a person has looked at some customers."""
    for customer_id in sorted(customers):
        record(session, Entry(now, LOOKED, "a customer", {"by": person_id}, customer_id))
