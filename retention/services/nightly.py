"""The parts of a night before decisions: pull the company's data, score every customer."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.compute as pc

from retention.db import snapshots
from retention.domain.errors import SourceError
from retention.domain.scores import SCORE_COLUMNS
from retention.domain.summaries import PullSummary, ScoreSummary
from retention.scoring.costs import Costs
from retention.scoring.score import score_customers
from retention.services.policies import Policies
from retention.sources.canonical import CANONICAL
from retention.sources.extract import extract_features
from retention.sources.gate import check_gate, count_rows, refuse_losses
from retention.sources.tables import Company, open_company


@dataclass(frozen=True, slots=True)
class Places:
    """Where a night reads and writes, and the environment that sources may refer to."""

    snapshots: Path
    templates: Path
    timezone: str
    environment: dict[str, str]


def pull(
    policies: Policies,
    places: Places,
    as_of: date,
    last: dict[str, Any] | None = None,
    *,
    accept_changes: bool = False,
) -> PullSummary:
    """Read, check and gate the sources; write the features of `as_of`.

    `last` is what the newest completed night has read; with `accept_changes` tonight may have
    fewer tables, columns or rows. Raises SourceError or GateTrippedError; nothing is written then.
    """
    company = _open(policies, places)
    try:
        before = snapshots.latest_before(places.snapshots, as_of)
        people = snapshots.people_file(places.snapshots, before) if before else None
        rows = check_gate(company, as_of, None if accept_changes else people)
        if last is not None and not accept_changes:
            refuse_losses(company, rows, last)
        _refuse_other_currencies(company, policies.costs.currency)
        features = extract_features(company, as_of)
    finally:
        company.close()
    snapshots.write_features(
        places.snapshots, as_of, features.wide, features.activities, features.people
    )
    with_email = pc.sum(features.wide.column("has_email")).as_py() or 0
    not_mapped = tuple(name for name in CANONICAL if name not in rows)
    columns = {name: sorted(mapped) for name, mapped in company.mapped.items()}
    return PullSummary(as_of, rows, columns, features.wide.num_rows, with_email, not_mapped)


def count_source_rows(policies: Policies, places: Places) -> dict[str, int]:
    """Read and check every source; return the rows per mapped table. Raises SourceError."""
    company = _open(policies, places)
    try:
        return count_rows(company)
    finally:
        company.close()


def _open(policies: Policies, places: Places) -> Company:
    return open_company(policies.sources, policies.home, places.environment, places.timezone)


def _refuse_other_currencies(company: Company, currency: str) -> None:
    """Amounts in several currencies cannot be summed; a rate of 1.0 would be a lie."""
    found = company.db.execute(
        "SELECT DISTINCT upper(currency) FROM (SELECT currency FROM invoices UNION ALL "
        "SELECT currency FROM customers) WHERE currency IS NOT NULL AND upper(currency) <> ?",
        [currency],
    ).fetchall()
    if found:
        names = ", ".join(sorted(row[0] for row in found))
        raise SourceError(
            "invoices", f"amounts in {names}, but costs.yaml is in {currency}", "Convert them."
        )


def score(costs: Costs, places: Places, as_of: date) -> ScoreSummary:
    """Score the features of `as_of` and write the snapshot. Raises ConfigError."""
    wide, activities = snapshots.read_features(places.snapshots, as_of)
    snapshots.write_scores(places.snapshots, as_of, score_customers(wide, activities, costs, as_of))
    return summarise(places.snapshots, as_of)


def summarise(root: Path, as_of: date) -> ScoreSummary:
    """Return how the scores of a date are distributed."""
    names = [c.name for c in SCORE_COLUMNS]
    files = snapshots.scores_glob(root, as_of).replace("'", "''")
    with duckdb.connect(":memory:") as db:
        db.execute(f"CREATE VIEW scores AS SELECT * FROM read_parquet('{files}')")
        known = db.execute(f"SELECT count(*), {_list('count', names)} FROM scores").fetchall()[0]
        sums = db.execute(
            "SELECT sum(revenue_to_date) * 100, sum(net_profit_12m) * 100 FROM scores"
        ).fetchall()[0]
        fit, archetype = (
            dict(db.execute(f"SELECT {c}, count(*) FROM scores WHERE {c} IS NOT NULL "
                            f"GROUP BY 1 ORDER BY 2 DESC, 1").fetchall())
            for c in ("fit", "archetype")
        )  # fmt: skip
    customers = int(known[0])
    no_data = tuple(n for n, count in zip(names, known[1:], strict=True) if customers and not count)
    revenue, profit = (None if value is None else int(value) for value in sums)
    return ScoreSummary(customers, fit, archetype, no_data, revenue, profit)


def _list(function: str, names: list[str]) -> str:
    return ", ".join(f'{function}("{name}")' for name in names)
