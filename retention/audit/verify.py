"""Verify the audit's chain, export its head, erase a person's data without breaking it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from retention.db.chain import GENESIS, Entry, canonical, head_of, link, record, seal, sha256
from retention.db.models import (
    Action,
    Approval,
    AuditEvent,
    AuditRecord,
    Case,
    Comment,
    DeadAddress,
    DeliveryAttempt,
    Exclusion,
    Handover,
    Incoming,
    Message,
    Offer,
    Receipt,
    Rendering,
    Waiver,
)
from retention.domain.cases import CaseState
from retention.domain.errors import AuditBrokenError, NotAllowedError
from retention.domain.people import Permission, Person, require
from retention.snapshots import store as snapshots

ERASED = "audit.erased"
_MANY = 2000
_GONE = "erased"


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
class Verdict:
    """What a verification has found."""

    events: int
    erased: int
    head: Head
    findings: tuple[Finding, ...]


def verify(session: Session, heads: list[Head]) -> Verdict:
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
    return Verdict(number, len(gone & allowed), Head(number, before), tuple(findings))


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


def erase(
    session: Session, root: Path, customer_id: str, person: Person, reason: str, now: datetime
) -> int:
    """Erase what is personal of a customer; return how many records that were.

    Audit records, messages, notes, answers and names are gone; ids, hashes and dates stay, and the
    chain holds. Raises NotAllowedError for who may not, or while a case is open.
    """
    subject = f"customer {customer_id}"
    require(person, Permission.ERASE, subject=subject)
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
    document = {"numbers": numbers, "by": person.person_id, "reason": reason.strip()}
    record(session, Entry(now, ERASED, "a customer", document))
    return len(numbers)


def _erase_rows(session: Session, customer_id: str) -> None:
    theirs = select(Action.id).where(Action.customer_id == customer_id).scalar_subquery()
    session.execute(
        update(Rendering)
        .where(Rendering.action_id.in_(theirs))
        .values(recipient=_GONE, subject=_GONE, text=_GONE, html=_GONE, raw=b"", timezone=None)
        .execution_options(synchronize_session=False)
    )
    session.execute(
        delete(Comment)
        .where(Comment.action_id.in_(theirs))
        .execution_options(synchronize_session=False)
    )
    session.execute(
        update(Offer)
        .where(Offer.action_id.in_(theirs))
        .values(note=None)
        .execution_options(synchronize_session=False)
    )
    session.execute(
        update(Action).where(Action.customer_id == customer_id).values(note=None, answers=None)
    )
    session.execute(
        update(Message)
        .where(Message.action_id.in_(theirs))
        .values(last_text=None)
        .execution_options(synchronize_session=False)
    )
    session.execute(
        update(Approval)
        .where(Approval.action_id.in_(theirs))
        .values(reason=None)
        .execution_options(synchronize_session=False)
    )
    messages = select(Message.id).where(Message.action_id.in_(theirs)).scalar_subquery()
    session.execute(
        update(DeliveryAttempt)
        .where(DeliveryAttempt.message_id.in_(messages))
        .values(reply=None)
        .execution_options(synchronize_session=False)
    )
    cases = select(Case.id).where(Case.customer_id == customer_id).scalar_subquery()
    session.execute(
        update(Waiver)
        .where(Waiver.case_id.in_(cases))
        .values(reason=_GONE, note=None)
        .execution_options(synchronize_session=False)
    )
    session.execute(update(Handover).where(Handover.customer_id == customer_id).values(note=None))
    session.execute(update(Exclusion).where(Exclusion.customer_id == customer_id).values(note=""))
    session.execute(
        update(Incoming)
        .where(Incoming.customer_id == customer_id)
        .values(sender=None, subject=None, text=None)
    )
    session.execute(delete(DeadAddress).where(DeadAddress.customer_id == customer_id))
