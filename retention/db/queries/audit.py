"""What we ask of the audit."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from retention.db.models.audit import AuditEvent, AuditRecord


def newest(session: Session, customer_id: str | None, limit: int) -> list[dict[str, Any]]:
    """Return the newest events with what they say, newest first."""
    query = select(AuditEvent, AuditRecord).outerjoin(
        AuditRecord, AuditRecord.number == AuditEvent.number
    )
    if customer_id is not None:
        query = query.where(AuditRecord.customer_id == customer_id)
    rows = session.execute(query.order_by(AuditEvent.number.desc()).limit(limit))
    found: list[tuple[AuditEvent, AuditRecord | None]] = [(event, kept) for event, kept in rows]
    return [
        {
            "number": event.number,
            "at": event.at,
            "kind": event.kind,
            "subject": event.subject,
            "by": kept.document.get("by", "retention") if kept is not None else "erased",
            "document": kept.document if kept is not None else None,
        }
        for event, kept in found
    ]
