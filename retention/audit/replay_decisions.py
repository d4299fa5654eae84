"""Decide again what a receipt tells of: the same facts and rules must give the same decision."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from retention.db.models import PlaybookVersion, Receipt
from retention.domain.actions import ActionState
from retention.domain.cases import CaseState
from retention.domain.decisions import Decision, DecisionKind, decide
from retention.domain.documents import current_receipt
from retention.domain.obstacles import Facts
from retention.domain.playbook import Playbook
from retention.domain.progress import CaseProgress, Notice, StepProgress
from retention.domain.stages import Stage
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
        if _decide(document, book, calendars, day) != _decision(document["decided"]):
            different.append(receipt_id)
    return Replays(checked, tuple(different), too_old)


def _decide(
    document: dict[str, Any], playbook: Playbook, calendars: Calendars, day: date
) -> Decision:
    days_of = calendars.of_customer(document["place"][0], document["place"][1], day)
    progress, facts = _progress(document["progress"]), _facts(document["facts"])
    return decide(progress, playbook, facts, day, days_of)


def _decision(found: dict[str, Any]) -> Decision:
    return Decision(
        kind=DecisionKind(found["kind"]),
        reason=found["reason"],
        step=found["step"],
        stage=Stage(found["stage"]) if found["stage"] else None,
        outcome=CaseState(found["outcome"]) if found["outcome"] else None,
        withdraw=found["withdraw"],
    )


def _progress(found: dict[str, Any]) -> CaseProgress:
    sets = ("served", "waived", "refused")
    notice = found["notice"]
    return CaseProgress(
        **found
        | {name: frozenset(map(Stage, found[name])) for name in sets}
        | {
            "stage": Stage(found["stage"]),
            "stage_entered_on": date.fromisoformat(found["stage_entered_on"]),
            "steps": tuple(_step(step) for step in found["steps"]),
            "notice": notice and Notice(**{k: date.fromisoformat(v) for k, v in notice.items()}),
        }
    )


def _step(found: dict[str, Any]) -> StepProgress:
    return StepProgress(
        state=ActionState(found["state"]) if found["state"] else None,
        proposed_on=_day(found["proposed_on"]),
        done_on=_day(found["done_on"]),
        undelivered=found["undelivered"],
        due_on=_day(found["due_on"]),
    )


def _facts(found: dict[str, Any]) -> Facts:
    return Facts(
        **found
        | {
            "blocks": tuple(found["blocks"]),
            "may_improve": frozenset(map(Stage, found["may_improve"])),
            "not_for": frozenset((Stage(stage), step) for stage, step in found["not_for"]),
        }
    )


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
