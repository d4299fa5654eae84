"""Explain one customer: sums, band, signs, hints, evidence, freshness, and what would change it."""

from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sqlalchemy import select
from sqlalchemy.orm import Session

from retention.db import snapshots
from retention.db.models import Run
from retention.db.queries import cases as case_queries
from retention.domain.errors import NotFoundError
from retention.domain.scores import BY_NAME, TOTALS, parts_of
from retention.playbooks.counterfactual import smallest_changes
from retention.scoring.costs import Costs
from retention.scoring.economics import PARTS, by_month
from retention.scoring.rules import SIGNS, VERDICTS
from retention.scoring.score import to_frame
from retention.services.evidence import Evidence, add_rows
from retention.services.nightly import Places
from retention.services.policies import Policies
from retention.services.scores import load_models

_SHOWN_REASONS = 6
_VERDICT = "CASE " + " ".join(f"WHEN {sql} THEN '{n}'" for n, sql in VERDICTS.items()) + " END"


def explain(
    session: Session, policies: Policies, places: Places, customer_id: str, as_of: date | None
) -> dict[str, Any]:
    """Return everything known about a customer on a date (default: the newest snapshot).

    Raises NotFoundError when there is no snapshot or no such customer.
    """
    root = places.snapshots
    row, day = _row(root, customer_id, as_of)
    return {
        "customer_id": customer_id,
        "as_of": day.isoformat(),
        "name": row["name"],
        "fit": row["fit"],
        "archetype": row["archetype"],
        "reasons": _codes(row["reason_codes"]),
        "hints": _codes(row["root_cause_hints"]),
        "signs": [name for name in SIGNS if row[name]],
        "sums": [_sum(row, total) for total in TOTALS],
        "scores": {name: _plain(row[name]) for name in BY_NAME},
        "months": _months(root, day, row),
        "contracts": _rows_of(root, day, snapshots.CONTRACTS, customer_id, cents=True),
        "evidence": _rows_of(root, day, snapshots.EVIDENCE, customer_id),
        "churn_reasons": _churn_reasons(places, day, customer_id),
        "counterfactuals": _counterfactuals(policies, row),
        "freshness": _freshness(session, day),
        "cases": [_case(case) for case in case_queries.list_of_customer(session, customer_id)],
    }


def _row(root: Path, customer_id: str, as_of: date | None) -> tuple[dict[str, Any], date]:
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
    return evidence.rows[customer_id], days[-1]


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


def _codes(text: str | None) -> list[str]:
    return text.split(";") if text else []


def _sum(row: dict[str, Any], total: str) -> dict[str, Any]:
    parts = {name: _plain(row[name]) for name in parts_of(total) if row[name] is not None}
    return {"name": total, "total": _plain(row[total]), "parts": parts}


def _months(root: Path, day: date, row: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the net profit by month, from the facts of the customer's shard."""
    known = [part for part in PARTS if row[part] is not None]
    costs = Costs.model_validate(snapshots.read_manifest(root, day)["costs"])
    for shard in range(snapshots.read_manifest(root, day)["shards"]):
        ids = snapshots.read_column(root, day, snapshots.FEATURES, shard, "customer_id")
        place = pc.index(ids, row["customer_id"]).as_py()
        if place >= 0:
            facts = [
                snapshots.read_shard(root, day, what, shard)
                for what in (snapshots.ACTIVITIES, snapshots.BILLS)
            ]
            months = by_month(place, facts[0], facts[1], costs, known)
            return [{n: v if n == "month" else v / 100 for n, v in m.items()} for m in months]
    return []


def _rows_of(
    root: Path, day: date, what: str, customer_id: str, *, cents: bool = False
) -> list[dict[str, Any]]:
    """Return one customer's rows of a long table, without the customer; cents as currency."""
    rows = pq.read_table(
        snapshots.files(root, day, what),
        filters=[("customer_id", "=", customer_id)],
        partitioning=None,
    ).drop_columns(["customer_id"])
    money = {f.name for f in rows.schema if cents and f.type == pa.int64()}
    return [
        {name: value / 100 if name in money else _plain(value) for name, value in row.items()}
        for row in rows.to_pylist()
    ]


def _churn_reasons(places: Places, day: date, customer_id: str) -> list[dict[str, Any]]:
    """Return what moves the probability to leave most, in log-odds; empty without a model."""
    manifest = snapshots.read_manifest(places.snapshots, day)
    model = load_models(places.models, manifest["models"]).churn
    if model is None:
        return []
    features = to_frame(
        pq.read_table(
            snapshots.files(places.snapshots, day, snapshots.FEATURES),
            filters=[("customer_id", "=", customer_id)],
            partitioning=None,
        )
    )
    if any(name not in features for name in model.columns):
        return []
    added = model.contributions(features).iloc[0]
    order = added.abs().sort_values(ascending=False, kind="stable").index[:_SHOWN_REASONS]
    return [
        {
            "column": name,
            "value": _known(features[name].iloc[0]),
            "log_odds": float(added[name]),
        }
        for name in order
    ]


def _known(value: Any) -> Any:
    return None if pd.isna(value) else _plain(value)


def _counterfactuals(policies: Policies, row: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the smallest changes to another fit, and out of each entry condition that holds."""
    questions = {"fit": _VERDICT}
    for name, book in policies.playbooks.items():
        questions[str(name)] = f"coalesce({_with_verdict(book.entry.when)}, false)"
    found: list[dict[str, Any]] = []
    for question, sql in questions.items():
        found += [
            {"question": question, **asdict(change)}
            for change in smallest_changes(sql, row)
            if question == "fit" or change.becomes is False
        ]
    return found


def _with_verdict(condition: str) -> str:
    """Put the rule in place of `fit`, so that what is behind it can be moved."""
    import sqlglot
    from sqlglot import expressions as exp

    tree = sqlglot.parse_one(condition, dialect="duckdb")
    rule = sqlglot.parse_one(f"({_VERDICT})", dialect="duckdb")
    replaced = tree.transform(
        lambda node: rule.copy() if isinstance(node, exp.Column) and node.name == "fit" else node
    )
    return str(replaced.sql("duckdb"))


def _freshness(session: Session, day: date) -> dict[str, dict[str, Any]]:
    summary = session.scalar(
        select(Run.summary).where(Run.flow == "nightly", Run.business_date == day)
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


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return value.item() if hasattr(value, "item") else str(value)
