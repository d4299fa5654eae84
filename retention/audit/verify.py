"""Verify the audit's chain, export its head, erase a person's data without breaking it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from retention.db.chain import GENESIS, canonical, head_of, link, seal, sha256
from retention.db.models import (
    AuditEvent,
    AuditRecord,
    Receipt,
)
from retention.domain.errors import AuditBrokenError

ERASED = "audit.erased"
_MANY = 2000


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
        elif event.kind == ERASED:
            allowed |= set(kept.document["numbers"])
    findings += [Finding(n, "its record was removed") for n in sorted(gone - allowed)]
    findings += [Finding(n, "was cut off: the chain ends before it") for n in sorted(wanted)]
    findings += _receipts(session)
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
    """Return the newest event's number and hash, and when, as a line for a file elsewhere."""
    number, head = head_of(session)
    return f"{number} {head} {now.isoformat()}"
