"""Explain one customer: sums, band, signs, hints, evidence, freshness, and what would change it."""

from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from retention.db.models.runs import Run
from retention.db.queries import cases as case_queries
from retention.domain.errors import NotFoundError
from retention.domain.scores import BY_NAME, OWN_PREFIX, TOTALS, parts_of
from retention.policies.load import Policies
from retention.reports.explain_parts import (
    churn_reasons,
    counterfactuals,
    months_of,
    plain,
    rows_of,
)
from retention.reports.no_case import why_no_case
from retention.scoring.rules import SIGNS
from retention.snapshots import store as snapshots
from retention.snapshots.customers import read_rows
from retention.snapshots.folders import Folders

_UNITS = {"late_invoice": "days", "disputed_invoice": "money"}


def explain(
    session: Session, policies: Policies, folders: Folders, customer_id: str, as_of: date | None
) -> dict[str, Any]:
    """Return everything known about a customer on a date (default: the newest snapshot).

    Raises NotFoundError when there is no snapshot or no such customer.
    """
    root = folders.snapshots
    row, day = _row(root, customer_id, as_of)
    return {
        "customer_id": customer_id,
        "as_of": day.isoformat(),
        "name": row["name"],
        "currency": policies.costs.currency,
        "fit": row["fit"],
        "archetype": row["archetype"],
        "reasons": _codes(row["reason_codes"]),
        "hints": _codes(row["root_cause_hints"]),
        "signs": [name for name in SIGNS if row[name]],
        "sums": [_sum(row, total) for total in TOTALS],
        "scores": {name: plain(row[name]) for name in (*BY_NAME, *_own_numbers(row))},
        "months": months_of(root, day, row),
        "contracts": rows_of(root, day, snapshots.CONTRACTS, customer_id, cents=True),
        "evidence": [_with_unit(e) for e in rows_of(root, day, snapshots.EVIDENCE, customer_id)],
        "churn_reasons": churn_reasons(folders, day, customer_id),
        "counterfactuals": counterfactuals(policies, row),
        "freshness": freshness_of(session, day),
        "no_case": why_no_case(session, policies, row, day),
        "cases": [_case(case) for case in case_queries.list_of_customer(session, customer_id)],
    }


def _row(root: Path, customer_id: str, as_of: date | None) -> tuple[dict[str, Any], date]:
    days = [day for day in snapshots.dates(root) if as_of is None or day == as_of]
    if not days:
        raise NotFoundError(
            f"snapshot of {as_of or 'any night'}", "does not exist", "Run 'retention run' first."
        )
    rows = read_rows(root, days[-1], [customer_id])
    if customer_id not in rows:
        raise NotFoundError(
            f"customer '{customer_id}'",
            f"is not in the snapshot of {days[-1]}",
            "Ids are text: '007' and '7' are two customers.",
        )
    return rows[customer_id], days[-1]


def _with_unit(evidence: dict[str, Any]) -> dict[str, Any]:
    """Say what the quantity of a row is: days late, an amount, or minutes."""
    unit = _UNITS.get(evidence["kind"], "minutes")
    quantity = evidence["quantity"]
    if unit == "money" and quantity is not None:
        quantity = quantity / 100
    return {**evidence, "quantity": quantity, "unit": unit}


def _own_numbers(row: dict[str, Any]) -> list[str]:
    return [name for name in row if name.startswith(OWN_PREFIX)]


def _codes(text: str | None) -> list[str]:
    return text.split(";") if text else []


def _sum(row: dict[str, Any], total: str) -> dict[str, Any]:
    parts = {name: plain(row[name]) for name in parts_of(total) if row[name] is not None}
    return {"name": total, "total": plain(row[total]), "parts": parts}


def freshness_of(session: Session, as_of: date) -> dict[str, dict[str, Any]]:
    """Return how many rows each table had in a night, and how new the newest was."""
    summary = session.scalar(
        select(Run.summary).where(Run.flow == "nightly", Run.business_date == as_of)
    )
    tables = (summary or {}).get("pull", {}).get("tables", {})
    return {name: {"rows": t["rows"], "newest": t["newest"]} for name, t in tables.items()}


def _case(case: Any) -> dict[str, Any]:
    return {
        "case_id": case.id,
        "playbook": case.playbook,
        "state": case.state,
        "stage": case.stage,
        "opened_on": case.opened_on.isoformat(),
        "waiting_for": case.waiting_for,
        "history": [
            {
                "on": event.happened_on.isoformat(),
                "what": event.kind,
                "stage": event.to_stage,
                "reason": event.reason,
                "actor": event.actor,
            }
            for event in case.events
        ],
        "actions": [
            {
                "id": action.id,
                "kind": action.kind,
                "template": action.template,
                "state": action.state,
                "proposed_on": action.proposed_on.isoformat(),
            }
            for action in case.actions
        ],
    }
