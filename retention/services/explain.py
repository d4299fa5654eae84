"""Explain one customer: the sums behind the verdict, and the case with its reasons."""

from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from sqlalchemy.orm import Session

from retention.db import snapshots
from retention.db.queries import cases as case_queries
from retention.domain.errors import NotFoundError
from retention.domain.scores import BY_NAME, TOTALS, parts_of
from retention.services.evidence import Evidence, add_rows


def explain(session: Session, root: Path, customer_id: str, as_of: date | None) -> dict[str, Any]:
    """Return everything known about a customer on a date (default: the newest snapshot).

    Raises NotFoundError when there is no snapshot or no such customer.
    """
    days = [day for day in snapshots.dates(root) if as_of is None or day == as_of]
    if not days:
        raise NotFoundError(
            f"snapshot of {as_of or 'any night'}", "does not exist", "Run 'retention run' first."
        )
    evidence = Evidence(days[-1], {})
    add_rows(evidence, root, [customer_id])
    if customer_id not in evidence.rows:
        raise NotFoundError(
            f"customer '{customer_id}'",
            f"is not in the snapshot of {evidence.as_of}",
            "Ids are text: '007' and '7' are two customers.",
        )
    row = evidence.rows[customer_id]
    return {
        "customer_id": customer_id,
        "as_of": evidence.as_of.isoformat(),
        "name": row["name"],
        "fit": row["fit"],
        "archetype": row["archetype"],
        "reasons": (row["reason_codes"] or "").split(";") if row["reason_codes"] else [],
        "sums": [_sum(row, total) for total in TOTALS],
        "scores": {name: _plain(row[name]) for name in BY_NAME},
        "cases": [_case(case) for case in case_queries.list_of_customer(session, customer_id)],
    }


def people_of(root: Path, customer_ids: set[str]) -> dict[str, dict[str, Any]]:
    """Return names and addresses from the newest snapshot; empty without one."""
    days = snapshots.dates(root)
    if not days:
        return {}
    table = pq.read_table(
        snapshots.files(root, days[-1], snapshots.PEOPLE),
        columns=["customer_id", "name", "email", "phone"],
        filters=[("customer_id", "in", sorted(customer_ids))] if customer_ids else None,
        partitioning=None,
    )
    return {row["customer_id"]: row for row in table.to_pylist()}


def _sum(row: dict[str, Any], total: str) -> dict[str, Any]:
    parts = {name: _plain(row[name]) for name in parts_of(total) if row[name] is not None}
    return {"name": total, "total": _plain(row[total]), "parts": parts}


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


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)
