"""The audit: a chain of hashes, and beside it what was hashed."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from retention.db.models.foundation import Base


class AuditEvent(Base):
    """One link of the chain. Never changed, never removed; holds no personal data."""

    __tablename__ = "audit_event"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    kind: Mapped[str] = mapped_column(String(60), index=True)
    subject: Mapped[str] = mapped_column(String(80), index=True)
    record_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))


class AuditRecord(Base):
    """What an event says, with its salt. It may be erased; the chain holds without it."""

    __tablename__ = "audit_record"

    number: Mapped[int] = mapped_column(ForeignKey("audit_event.number"), primary_key=True)
    customer_id: Mapped[str | None] = mapped_column(index=True)
    salt: Mapped[str] = mapped_column(String(32))
    document: Mapped[dict[str, Any]]
