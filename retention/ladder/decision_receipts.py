"""Why a decision was made, written beside it and never changed."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Session

from retention.db.canonical import canonical, plain, sha256
from retention.db.models.work.actions import Receipt
from retention.db.recording import Entry, record
from retention.domain import keys
from retention.domain.decision_kinds import DecisionKind
from retention.domain.decisions import Decision
from retention.domain.documents import RECEIPT, stamped
from retention.domain.obstacles import Facts
from retention.domain.playbook import Playbook
from retention.domain.progress import CaseProgress
from retention.domain.scores import BY_NAME, OWN_PREFIX
from retention.ladder.condition_values import Evidence, conditions_of


@dataclass(frozen=True, slots=True)
class Grounds:
    """What the rules were given, and what they said where something else had to be done."""

    playbook: Playbook
    progress: CaseProgress
    facts: Facts | None
    wanted: Decision | None = None
    place: tuple[str | None, str | None] = (None, None)


def write_receipt(
    session: Session,
    case: tuple[str, str],
    decision: Decision,
    grounds: Grounds,
    evidence: Evidence,
    at: datetime,
    action_id: str | None = None,
) -> Receipt:
    """Store the inputs, conditions and versions behind a decision; no names or addresses.

    `case` is its id and its customer's. Waits keep no scores: the snapshot has them.
    """
    case_id, customer_id = case
    playbook, progress, facts = grounds.playbook, grounds.progress, grounds.facts
    target = decision.stage or decision.outcome or decision.step
    at_stage = f"{progress.stage}:{decision.kind}:{target}"
    document = {
        "stage": progress.stage.value,
        "playbook": playbook.name.value,
        "playbook_version": playbook.version,
        "conditions": _conditions(customer_id, playbook, evidence),
        "progress": as_document(progress),
        "facts": as_document(facts) if facts is not None else None,
        "decided": as_document(grounds.wanted or decision),
        "place": list(grounds.place),
    }
    if decision.kind is not DecisionKind.WAIT:
        document["inputs"] = _inputs(evidence.rows.get(customer_id, {}))
    document = stamped(document, RECEIPT)
    receipt = Receipt(
        id=keys.receipt_id(case_id, at_stage, evidence.as_of),
        as_of=evidence.as_of,
        customer_id=customer_id,
        case_id=case_id,
        action_id=action_id,
        decision=decision.kind,
        reason=decision.reason,
        document=document,
    )
    session.add(receipt)
    summary = {
        "customer": customer_id,
        "as_of": evidence.as_of,
        "decision": decision.kind,
        "reason": decision.reason,
        "target": target,
        "receipt": receipt.id,
        "receipt_hash": sha256(canonical(document)),
    }
    record(session, Entry(at, f"decision.{decision.kind}", f"case {case_id}", summary, customer_id))
    return receipt


def as_document(value: Any) -> dict[str, Any]:
    """Return a dataclass of the rules as plain JSON values."""
    document: dict[str, Any] = plain(value)
    return document


def _conditions(customer_id: str, playbook: Playbook, evidence: Evidence) -> list[dict[str, Any]]:
    return [
        {
            "name": key.partition(":")[2],
            "when": sql,
            "value": evidence.values[key].get(customer_id),
        }
        for key, sql in conditions_of(playbook).items()
    ]


def _inputs(row: dict[str, Any]) -> dict[str, Any]:
    names = [*BY_NAME, *(name for name in row if name.startswith(OWN_PREFIX))]
    return {name: _plain(row[name]) for name in names if row.get(name) is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    return value.isoformat() if isinstance(value, date | datetime) else value
