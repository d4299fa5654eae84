"""Verify the audit's chain, export its head, erase a person's data without breaking it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, not_, select
from sqlalchemy.orm import Session

from retention.db.canonical import canonical, sha256
from retention.db.chain import GENESIS, head_of, link, seal
from retention.db.models.audit import AuditEvent, AuditRecord
from retention.db.models.every import Base
from retention.db.models.work.actions import Receipt
from retention.db.models.work.messages import DeliveryAttempt, Message
from retention.db.recording import Entry, record
from retention.db.seals import ROWS, SILENT, columns_of, rows_of
from retention.domain.errors import AuditBrokenError
from retention.domain.messages import MessageState

ERASED, EXPORTED = "audit.erased", "audit.exported"
_MANY = 2000
Sealed = dict[tuple[str, str], tuple[int, str]]
_IN_FLIGHT: dict[type[Base], ColumnElement[bool]] = {
    Message: Message.state != MessageState.SENDING,
    DeliveryAttempt: DeliveryAttempt.ended_at.is_not(None),
}


@dataclass(frozen=True, slots=True)
class Head:
    """The newest event when a head was exported: its number and hash."""

    number: int
    hash: str

    @classmethod
    def parse(cls, line: str, where: str) -> "Head":
        """Read `number hash ...`. Raises AuditBrokenError."""
        parts = line.split()
        if len(parts) < 2 or not parts[0].isdigit():  # noqa: PLR2004 - number and hash
            raise AuditBrokenError(where, f"'{line[:60]}' is no head", "Use an exported file.")
        return cls(int(parts[0]), parts[1])


_NOTHING_YET = Head(0, GENESIS)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: at which event, and what."""

    number: int
    what: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What a verification has found."""

    events: int
    erased: int
    head: Head
    findings: tuple[Finding, ...]


def verify(session: Session, heads: list[Head]) -> Verification:
    """Go through the whole chain and compare it with exported heads.

    Finds events that were changed, removed, added or cut off, records that were changed or removed
    without an erasure, and receipts that are no longer what was recorded.
    """
    findings: list[Finding] = []
    sealed: Sealed = {}
    wanted = {head.number: head.hash for head in heads if head != _NOTHING_YET}
    before, number, gone, allowed = GENESIS, 0, set(), set()
    for event, kept in _events(session):
        number += 1
        if event.number != number:
            findings.append(Finding(number, f"is missing; the next one is {event.number}"))
            number = event.number
        expected = link(before, event.number, event.at, event.kind, event.subject,
                        event.record_hash)  # fmt: skip
        if expected != event.hash:
            findings.append(Finding(number, "was changed, or what came before it was"))
        before = event.hash
        if wanted.pop(number, event.hash) != event.hash:
            findings.append(Finding(number, "is not what was exported"))
        if kept is None:
            gone.add(number)
        elif seal(kept.salt, kept.document) != event.record_hash:
            findings.append(Finding(number, "its record was changed"))
        elif event.kind == ROWS:
            sealed.update(
                {(table, key): (number, seal_) for table, key, seal_ in kept.document["rows"]}
            )
        elif event.kind == ERASED:
            allowed |= set(kept.document["numbers"])
    findings += [Finding(n, "its record was removed") for n in sorted(gone - allowed)]
    findings += [Finding(n, "was cut off: the chain ends before it") for n in sorted(wanted)]
    findings += _receipts(session)
    findings += _rows(session, sealed)
    return Verification(number, len(gone & allowed), Head(number, before), tuple(findings))


def _events(session: Session) -> Iterator[tuple[AuditEvent, AuditRecord | None]]:
    start = 0
    while True:
        rows = session.execute(
            select(AuditEvent, AuditRecord)
            .outerjoin(AuditRecord, AuditRecord.number == AuditEvent.number)
            .where(AuditEvent.number > start)
            .order_by(AuditEvent.number)
            .limit(_MANY)
        ).all()
        if not rows:
            return
        yield from ((event, kept) for event, kept in rows)
        start = rows[-1][0].number
        session.expunge_all()


def _rows(session: Session, sealed: Sealed) -> list[Finding]:
    """Compare every row that counts with what the chain said of it last."""
    findings = []
    for model in SILENT:
        table, query = model.__tablename__, select(*columns_of(model))
        if model in _IN_FLIGHT:
            query = query.where(_IN_FLIGHT[model])
        under_way = _under_way(session, model)
        for key, found in rows_of(session, model, query):
            number, expected = sealed.pop((table, key), (0, None))
            if expected is None:
                findings.append(Finding(number, f"{table} {key} was added past the program"))
            elif found != expected:
                findings.append(Finding(number, f"{table} {key} was altered"))
        for key in under_way:
            sealed.pop((table, key), None)
    findings += [
        Finding(number, f"{table} {key} was deleted")
        for (table, key), (number, expected) in sorted(sealed.items())
        if expected
    ]
    return findings


def _under_way(session: Session, model: type[Base]) -> list[str]:
    """What is being sent at this moment is spoken of when it has ended."""
    if model not in _IN_FLIGHT:
        return []
    query = select(*columns_of(model)).where(not_(_IN_FLIGHT[model]))
    return [key for key, _ in rows_of(session, model, query)]


def _receipts(session: Session) -> list[Finding]:
    """Compare every receipt with the hash that was recorded when it was written."""
    recorded = {}
    for number, document in session.execute(
        select(AuditRecord.number, AuditRecord.document)
        .join(AuditEvent, AuditEvent.number == AuditRecord.number)
        .where(AuditEvent.kind.startswith("decision."))
    ):
        recorded[document["receipt"]] = (number, document["receipt_hash"])
    findings = []
    for receipt_id, document in session.execute(select(Receipt.id, Receipt.document)):
        number, expected = recorded.pop(receipt_id, (0, None))
        if expected is not None and sha256(canonical(document)) != expected:
            findings.append(Finding(number, f"receipt {receipt_id} was changed"))
    findings += [
        Finding(number, f"receipt {receipt_id} was removed")
        for receipt_id, (number, _) in recorded.items()
    ]
    return findings


def export_head(session: Session, now: datetime) -> str:
    """Return the newest event's number and hash, and when, as a line for a file elsewhere.

    That it was exported is recorded, so that `doctor` can say when it was last.
    """
    number, head = head_of(session)
    record(session, Entry(now, EXPORTED, "audit", {"number": number}))
    return f"{number} {head} {now.isoformat()}"


def last_export(session: Session) -> datetime | None:
    """Return when a head was last exported."""
    query = select(AuditEvent.at).where(AuditEvent.kind == EXPORTED)
    return session.scalar(query.order_by(AuditEvent.number.desc()).limit(1))
