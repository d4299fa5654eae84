"""The audit's chain of hashes: what is recorded in a transaction is chained when it commits.

h(n) = SHA-256(0x00, h(n-1), number, moment, kind, subject, record hash). The record hash covers a
salt and the record, which are kept apart, so that personal data can be erased and the chain holds.
Whoever cannot also rewrite a head that was exported earlier cannot change the past unseen.
"""

import hashlib
import secrets
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import insert, select, text
from sqlalchemy.orm import Session

from retention.db import seals
from retention.db.canonical import canonical, plain, sha256
from retention.db.models.audit import AuditEvent, AuditRecord
from retention.db.recording import Entry, recorded

GENESIS = "0" * 64
_INSERT_EVENTS = insert(AuditEvent.__table__)  # type: ignore[arg-type]
_INSERT_RECORDS = insert(AuditRecord.__table__)  # type: ignore[arg-type]
_LOCK = 715_512_026
_BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)


def append_pending(session: Session) -> None:
    """Chain what the transaction has recorded; called once, just before it commits."""
    session.flush()
    entries = recorded(session)
    if not entries and not seals.is_touched(session):
        return
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
    number, head = head_of(session)
    entries += _of_rows(session, entries)
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


def _of_rows(session: Session, entries: list[Entry]) -> list[Entry]:
    """Return what is to be said of the rows that the transaction has changed.

    Who changes rows without a word, as a claim does, is dated by the event before.
    """
    at = entries[-1].at if entries else _newest_at(session)
    return [Entry(at, seals.ROWS, "rows", {"rows": rows}) for rows in seals.collect(session)]


def _newest_at(session: Session) -> datetime:
    newest = select(AuditEvent.at).order_by(AuditEvent.number.desc()).limit(1)
    return session.scalar(newest) or _BEGINNING


def cover(session: Session) -> None:
    """Speak of every row that counts, once, in a database whose chain does not speak of rows."""
    if session.scalar(select(AuditEvent.number).where(AuditEvent.kind == seals.ROWS).limit(1)):
        return
    seals.touch_all(session)
    append_pending(session)


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
