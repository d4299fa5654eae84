"""What an explanation rests on: months, source rows, a model's reasons, what would change it."""

from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import sqlglot
from sqlglot import expressions as exp

from retention.domain.scores import BY_NAME, MONEY_FEATURES, Kind
from retention.playbooks.counterfactual import Change, smallest_changes
from retention.policies.load import Policies
from retention.scoring.activity_costs import PARTS
from retention.scoring.costs import Costs
from retention.scoring.model_store import load_models
from retention.scoring.profit_split import by_month
from retention.scoring.rules import VERDICTS
from retention.scoring.score import to_frame
from retention.snapshots import store as snapshots
from retention.snapshots.folders import Folders

_SHOWN_REASONS = 6
_VERDICT = "CASE " + " ".join(f"WHEN {sql} THEN '{n}'" for n, sql in VERDICTS.items()) + " END"


def months_of(root: Path, as_of: date, row: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the net profit by month, from the facts of the customer's shard; unknown, none."""
    if row["net_profit_12m"] is None:
        return []
    known = [part for part in PARTS if row[part] is not None]
    costs = Costs.model_validate(snapshots.read_manifest(root, as_of)["costs"])
    for shard in range(snapshots.read_manifest(root, as_of)["shards"]):
        ids = snapshots.read_column(root, as_of, snapshots.FEATURES, shard, "customer_id")
        place = pc.index(ids, row["customer_id"]).as_py()
        if place >= 0:
            facts = [
                snapshots.read_shard(root, as_of, what, shard)
                for what in (snapshots.ACTIVITIES, snapshots.BILLS)
            ]
            months = by_month(place, facts[0], facts[1], costs, known)
            return [{n: v if n == "month" else v / 100 for n, v in m.items()} for m in months]
    return []


def rows_of(
    root: Path, as_of: date, what: str, customer_id: str, *, cents: bool = False
) -> list[dict[str, Any]]:
    """Return one customer's rows of a long table, without the customer; cents as currency."""
    rows = pq.read_table(
        snapshots.files(root, as_of, what),
        filters=[("customer_id", "=", customer_id)],
        partitioning=None,
    ).drop_columns(["customer_id"])
    money = {f.name for f in rows.schema if cents and f.type == pa.int64()}
    return [
        {name: value / 100 if name in money else plain(value) for name, value in row.items()}
        for row in rows.to_pylist()
    ]


def churn_reasons(folders: Folders, as_of: date, customer_id: str) -> list[dict[str, Any]]:
    """Return what moves the probability to leave most, in log-odds; empty without a model.

    Each is a column with its value, or two of them for what they do together.
    """
    manifest = snapshots.read_manifest(folders.snapshots, as_of)
    model = load_models(folders.models, manifest["models"]).churn
    if model is None:
        return []
    features = to_frame(
        pq.read_table(
            snapshots.files(folders.snapshots, as_of, snapshots.FEATURES),
            filters=[("customer_id", "=", customer_id)],
            partitioning=None,
        )
    )
    if any(name not in features for name in model.columns):
        return []
    added = model.contributions(features).iloc[0]
    behind = {pair.column: [pair.one.column, pair.other.column] for pair in model.pairs}
    order = added.abs().sort_values(ascending=False, kind="stable").index[:_SHOWN_REASONS]
    return [
        {
            "columns": [
                {"column": column, "value": _shown(column, features[column].iloc[0])}
                for column in behind.get(name, [name])
            ],
            "log_odds": float(added[name]),
        }
        for name in order
    ]


def _shown(name: str, value: Any) -> Any:
    """Return a feature as people know it: features hold money in cents."""
    if pd.isna(value):
        return None
    is_money = name in MONEY_FEATURES or (name in BY_NAME and BY_NAME[name].kind is Kind.MONEY)
    return plain(value) / 100 if is_money else plain(value)


def counterfactuals(policies: Policies, row: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the smallest changes to another fit, and out of each entry condition that holds."""
    questions = {"fit": _VERDICT}
    for name, book in policies.playbooks.items():
        questions[str(name)] = f"coalesce({_with_verdict(book.entry.when)}, false)"
    found: list[dict[str, Any]] = []
    for question, sql in questions.items():
        found += [
            {"question": question, **asdict(change)}
            for change in smallest_changes(sql, row)
            if _helps(question, change)
        ]
    return found


def _helps(question: str, change: Change) -> bool:
    """To be known less well, or to have come later, is nothing that anybody can do."""
    if change.becomes == "no_data" or change.column == "tenure_days":
        return False
    return question == "fit" or change.becomes is False


def _with_verdict(condition: str) -> str:
    """Put the rule in place of `fit`, so that what is behind it can be moved."""
    tree = sqlglot.parse_one(condition, dialect="duckdb")
    rule = sqlglot.parse_one(f"({_VERDICT})", dialect="duckdb")
    replaced = tree.transform(
        lambda node: rule.copy() if isinstance(node, exp.Column) and node.name == "fit" else node
    )
    return str(replaced.sql("duckdb"))


def plain(value: Any) -> Any:
    """Return a value that JSON knows."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return value.item() if hasattr(value, "item") else str(value)
