"""Why a decision was made, written beside it and never changed."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Session

from retention.db.models import Action, Case, Receipt
from retention.domain import keys
from retention.domain.decisions import Decision
from retention.domain.playbook import Playbook
from retention.domain.scores import BY_NAME
from retention.services.evidence import Evidence, conditions_of


def write_receipt(
    session: Session,
    case: Case,
    decision: Decision,
    playbook: Playbook,
    evidence: Evidence,
    action: Action | None = None,
) -> Receipt:
    """Store the inputs, conditions and versions behind a decision; no names or addresses."""
    target = decision.stage or decision.outcome or decision.step
    receipt = Receipt(
        id=keys.receipt_id(case.id, f"{case.stage}:{decision.kind}:{target}", evidence.as_of),
        as_of=evidence.as_of,
        customer_id=case.customer_id,
        case_id=case.id,
        action_id=action.id if action else None,
        decision=decision.kind,
        reason=decision.reason,
        document={
            "stage": case.stage.value,
            "playbook": playbook.name.value,
            "playbook_version": playbook.version,
            "conditions": _conditions(case.customer_id, playbook, evidence),
            "inputs": _inputs(evidence.rows.get(case.customer_id, {})),
        },
    )
    session.add(receipt)
    return receipt


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
    return {name: _plain(row[name]) for name in BY_NAME if row.get(name) is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    return value.isoformat() if isinstance(value, date | datetime) else value
