"""The audit's chain of hashes: what is recorded in a transaction is chained when it commits.

h(n) = SHA-256(0x00, h(n-1), number, moment, kind, subject, record hash). The record hash covers a
salt and the record, which are kept apart, so that personal data can be erased and the chain holds.
Whoever cannot also rewrite a head that was exported earlier cannot change the past unseen.
"""

import hashlib
import json
import secrets
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import insert, select, text
from sqlalchemy.orm import Session

from retention.db.models import AuditEvent, AuditRecord

GENESIS = "0" * 64
_INSERT_EVENTS = insert(AuditEvent.__table__)  # type: ignore[arg-type]
_INSERT_RECORDS = insert(AuditRecord.__table__)  # type: ignore[arg-type]
_PENDING = "retention_audit"
_LOCK = 715_512_026
_AS_IT_IS = frozenset({str, int, float, bool})


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


def append_pending(session: Session) -> None:
    """Chain what the transaction has recorded; called once, just before it commits."""
    entries: list[Entry] = session.info.pop(_PENDING, [])
    if not entries:
        return
    session.flush()
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
    number, head = head_of(session)
    events, records = [], []
    for entry in entries:
        number += 1
        salt, document = secrets.token_hex(16), plain(entry.document)
        sealed = seal(salt, document)
        head = link(head, number, entry.at, entry.kind, entry.subject, sealed)
        events.append({"number": number, "at": entry.at, "kind": entry.kind,
                       "subject": entry.subject, "record_hash": sealed, "hash": head})  # fmt: skip
        records.append({"number": number, "customer_id": entry.customer_id, "salt": salt,
                        "document": document})  # fmt: skip
    connection = session.connection()  # not as objects: there may be thousands of them
    connection.execute(_INSERT_EVENTS, events)
    connection.execute(_INSERT_RECORDS, records)


def head_of(session: Session) -> tuple[int, str]:
    """Return the number and hash of the newest event; zero and the genesis hash without one."""
    newest = session.execute(
        select(AuditEvent.number, AuditEvent.hash).order_by(AuditEvent.number.desc()).limit(1)
    ).one_or_none()
    return (newest.number, newest.hash) if newest else (0, GENESIS)


def seal(salt: str, document: dict[str, Any]) -> str:
    """Return the hash of a record."""
    return sha256(f"{salt}\x1f{canonical(document)}")


def link(before: str, number: int, at: datetime, kind: str, subject: str, sealed: str) -> str:
    """Return the hash of an event."""
    moment = at.astimezone(UTC).isoformat()
    parts = "\x1f".join((before, str(number), moment, kind, subject, sealed))
    return hashlib.sha256(b"\x00" + parts.encode()).hexdigest()


def sha256(text_: str) -> str:
    """Return the SHA-256 of a text, in hexadecimal."""
    return hashlib.sha256(text_.encode()).hexdigest()


def canonical(document: dict[str, Any]) -> str:
    """Return a record as text that is the same wherever it was written."""
    return json.dumps(
        document, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=plain
    )


def plain(value: Any) -> Any:
    """Return a value as JSON keeps it; a dataclass as its fields, a set in order."""
    if value is None or type(value) in _AS_IT_IS:
        return value
    if is_dataclass(value):
        value = {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, frozenset | set):
        return sorted(plain(item) for item in value)
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, Decimal):
        return str(value)
    return value.isoformat() if isinstance(value, date | datetime) else value
