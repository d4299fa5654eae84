"""Score a night, shard by shard: measure, compare all customers once, score."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from retention.domain.dates import months_before
from retention.domain.scores import SCORE_COLUMNS
from retention.domain.summaries import PullSummary, ScoreSummary
from retention.scoring.costs import Costs
from retention.scoring.model_store import load_models, models_in_use
from retention.scoring.reference import COLUMNS, Reference, make_reference
from retention.scoring.score import measure_customers, score_customers, to_frame
from retention.scratch import scratch
from retention.snapshots import store as snapshots
from retention.snapshots.folders import Folders, clear_staging, staged
from retention.sources.extract import extract_features
from retention.sources.staging import open_shard

_MONTHS = 12


def score_all(costs: Costs, folders: Folders, pulled: PullSummary) -> ScoreSummary:
    """Score every shard without Prefect, as many at once as the folders say."""
    with ThreadPoolExecutor(max_workers=folders.parallel_shards) as pool:
        shards = range(pulled.shards)
        list(pool.map(lambda shard: measure_shard(costs, folders, pulled.as_of, shard), shards))
        compare(costs, folders, pulled.as_of)
        list(pool.map(lambda shard: score_shard(costs, folders, pulled.as_of, shard), shards))
    return finish_scores(folders, pulled.as_of)


def measure_shard(costs: Costs, folders: Folders, as_of: date, shard: int) -> int:
    """Aggregate one shard's rows and its economics; return its customers. Raises ConfigError."""
    root = folders.snapshots
    manifest = snapshots.read_manifest(root, as_of)
    mapped, left_out = manifest["mapped"], manifest["left_out"]
    company = open_shard(staged(folders, as_of), shard, mapped, left_out, folders.timezone)
    try:
        made = extract_features(company, as_of)
    finally:
        company.close()
    snapshots.write_shard(root, as_of, snapshots.PEOPLE, shard, made.people)
    snapshots.write_shard(root, as_of, snapshots.ACTIVITIES, shard, made.activities)
    snapshots.write_shard(root, as_of, snapshots.BILLS, shard, made.bills)
    snapshots.write_shard(root, as_of, snapshots.CONTRACT_FACTS, shard, made.contracts)
    snapshots.write_shard(root, as_of, snapshots.EVIDENCE, shard, made.evidence)
    measured = measure_customers(
        made.wide, made.activities, made.bills, made.contracts, costs, mapped
    )
    snapshots.write_shard(root, as_of, snapshots.FEATURES, shard, measured.customers)
    snapshots.write_shard(root, as_of, snapshots.CONTRACTS, shard, measured.contracts)
    return int(made.wide.num_rows)


def compare(costs: Costs, folders: Folders, as_of: date) -> None:
    """Compare all customers: peers, ranks, rates, and the profit of those who are tied."""
    root = folders.snapshots
    features = snapshots.scan(root, as_of, snapshots.FEATURES)
    with scratch() as db:
        listed = ", ".join(COLUMNS)
        everybody = db.sql(f"SELECT {listed} FROM {features} ORDER BY customer_id").to_arrow_table()
        ties = db.sql(f"SELECT * FROM {snapshots.scan(root, as_of, snapshots.TIES)}")
        tied = tied_profits(everybody, ties.to_arrow_table())
    reference = reference_of(everybody, costs, as_of)
    snapshots.write_shard(root, as_of, snapshots.TIED, 0, tied)
    snapshots.write_document(root, as_of, snapshots.REFERENCE, reference.as_json())
    # Chosen once, so that all shards use the same ones.
    snapshots.note(root, as_of, models=models_in_use(folders.models, as_of))


def reference_of(everybody: pa.Table, costs: Costs, as_of: date) -> Reference:
    """Compare all customers as they were measured on a date."""
    year_ago = pd.Timestamp(months_before(as_of, _MONTHS))
    return make_reference(to_frame(everybody.select(COLUMNS)), costs.tiers, year_ago)


def tied_profits(everybody: pa.Table, ties: pa.Table) -> pa.Table:
    """Return to how many others each customer is tied, and their profit, in cents."""
    with scratch() as db:
        db.register("f", everybody)
        db.register("ties", ties)
        return db.sql(
            "SELECT x.customer_id, count(*) AS ties, "
            "CAST(coalesce(sum(f.net_profit_12m), 0) AS BIGINT) AS tied_profit_12m "
            "FROM (SELECT DISTINCT customer_id, other_id FROM ties) AS x "
            "JOIN f ON f.customer_id = x.other_id GROUP BY ALL ORDER BY ALL"
        ).to_arrow_table()


def score_shard(costs: Costs, folders: Folders, as_of: date, shard: int) -> None:
    """Score one shard with the models that were chosen for the night."""
    root = folders.snapshots
    reference = Reference.from_json(snapshots.read_document(root, as_of, snapshots.REFERENCE))
    models = load_models(folders.models, snapshots.read_manifest(root, as_of)["models"])
    scores = score_customers(
        snapshots.read_shard(root, as_of, snapshots.FEATURES, shard),
        snapshots.read_shard(root, as_of, snapshots.TIED, 0),
        costs,
        reference,
        models,
    )
    snapshots.write_scores(root, as_of, shard, scores)


def finish_scores(folders: Folders, as_of: date) -> ScoreSummary:
    """Say that the snapshot is complete, remove the company's rows, return how scores lie."""
    snapshots.note(folders.snapshots, as_of, complete=True)
    clear_staging(folders, as_of)
    return summarise(folders.snapshots, as_of)


def summarise(root: Path, as_of: date) -> ScoreSummary:
    """Return how the scores of a date are distributed."""
    names = [c.name for c in SCORE_COLUMNS]
    scores = snapshots.scan(root, as_of, snapshots.SCORES)
    counts = ", ".join(f'count("{name}")' for name in names)
    sums = "sum(revenue_to_date) * 100, sum(net_profit_12m) * 100"
    with scratch() as db:
        [whole] = db.execute(f"SELECT count(*), {sums}, {counts} FROM {scores}").fetchall()
        groups = db.execute(
            f"SELECT fit, archetype, tier, count(*) FROM {scores} GROUP BY ALL"
        ).fetchall()
    customers, revenue, profit, *known = whole
    no_data = tuple(n for n, count in zip(names, known, strict=True) if customers and not count)
    fit, archetype, tier = (_distribution(groups, at) for at in range(3))
    return ScoreSummary(
        int(customers), fit, archetype, tier, no_data, _whole(revenue), _whole(profit)
    )


def _distribution(groups: list[tuple[Any, ...]], at: int) -> dict[str, int]:
    """Return how many customers each value has, the most frequent first."""
    found: Counter[str] = Counter()
    for group in groups:
        if group[at] is not None:
            found[group[at]] += group[-1]
    return dict(sorted(found.items(), key=lambda one: (-one[1], one[0])))


def _whole(cents: Decimal | None) -> int | None:
    return None if cents is None else int(cents)
