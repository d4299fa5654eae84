"""Decide again what a receipt tells of: the same facts and rules must give the same decision."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import select
from sqlalchemy.orm import Session

from retention.db.models.work.actions import Receipt
from retention.db.models.work.cases import PlaybookVersion
from retention.domain.decisions import Decision, decide
from retention.domain.documents import current_receipt
from retention.domain.obstacles import Facts
from retention.domain.playbook import Playbook
from retention.domain.progress import CaseProgress
from retention.playbooks.loading import parse_pinned
from retention.policies.calendars import Calendars


@dataclass(frozen=True, slots=True)
class Replays:
    """How many receipts were decided again, and which came out differently.

    `too_old` were written before receipts kept what a decision rests on.
    """

    checked: int
    different: tuple[str, ...]
    too_old: int = 0


def replay_receipts(session: Session, calendars: Calendars, as_of: date | None = None) -> Replays:
    """Decide every receipt of a date (default: of all nights) again from what it holds."""
    books = {
        row.version: parse_pinned(row.document)
        for row in session.execute(select(PlaybookVersion.version, PlaybookVersion.document))
    }
    query = select(Receipt.id, Receipt.as_of, Receipt.document).order_by(Receipt.id)
    if as_of is not None:
        query = query.where(Receipt.as_of == as_of)
    checked, different, too_old = 0, [], 0
    for receipt_id, day, found in session.execute(query):
        document = current_receipt(found, f"receipt {receipt_id[:8]}")
        if document["decided"] is None:
            too_old += 1
            continue
        if document["facts"] is None:
            continue  # an opening: it rests on the entry condition alone
        checked += 1
        book = books[document["playbook_version"]]
        if _decide(document, book, calendars, day) != _DECISION.validate_python(
            document["decided"]
        ):
            different.append(receipt_id)
    return Replays(checked, tuple(different), too_old)


_PROGRESS, _FACTS, _DECISION = (
    TypeAdapter(CaseProgress), TypeAdapter(Facts), TypeAdapter(Decision)
)  # fmt: skip


def _decide(
    document: dict[str, Any], playbook: Playbook, calendars: Calendars, as_of: date
) -> Decision:
    country, region = document["place"]
    progress = _PROGRESS.validate_python(document["progress"])
    facts = _FACTS.validate_python(document["facts"])
    return decide(progress, playbook, facts, as_of, calendars.of_customer(country, region, as_of))
