"""What is to be recorded for the audit: said where it happens, chained when it commits."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

_PENDING = "retention_audit"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing to record: what happened to which subject, and what there is to say of it."""

    at: datetime
    kind: str
    subject: str
    document: dict[str, Any]
    customer_id: str | None = None


def record(session: Session, entry: Entry) -> None:
    """Record something in the transaction of the change that it tells of."""
    session.info.setdefault(_PENDING, []).append(entry)


def recorded(session: Session) -> list[Entry]:
    """Return what the transaction has recorded so far, and forget it."""
    entries: list[Entry] = session.info.pop(_PENDING, [])
    return entries
