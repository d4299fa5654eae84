"""Replay a past night from its snapshot: the same features give the same scores, bit by bit."""

from dataclasses import dataclass
from datetime import date

import pyarrow as pa

from retention.domain.errors import NotFoundError
from retention.scoring.costs import Costs
from retention.scoring.model_store import load_models
from retention.scoring.reference import Reference
from retention.scoring.score import measure_customers, score_customers
from retention.snapshots import store as snapshots
from retention.snapshots.folders import Folders


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay found: how many customers, and the columns that came out differently."""

    as_of: date
    customers: int
    different: tuple[str, ...]


def replay(folders: Folders, as_of: date) -> Replayed:
    """Measure and score a snapshot's features again, with its own costs, peers and models.

    Raises NotFoundError when there is no complete snapshot of the date.
    """
    root = folders.snapshots
    if as_of not in snapshots.dates(root):
        raise NotFoundError(f"snapshot of {as_of}", "does not exist", "Choose a night that ran.")
    manifest = snapshots.read_manifest(root, as_of)
    costs = Costs.model_validate(manifest["costs"])
    reference = Reference.from_json(snapshots.read_document(root, as_of, snapshots.REFERENCE))
    models = load_models(folders.models, manifest["models"])
    different: set[str] = set()
    customers = 0
    for shard in range(manifest["shards"]):
        kept = snapshots.read_shard(root, as_of, snapshots.FEATURES, shard)
        measured = measure_customers(
            kept,
            snapshots.read_shard(root, as_of, snapshots.ACTIVITIES, shard),
            snapshots.read_shard(root, as_of, snapshots.BILLS, shard),
            snapshots.read_shard(root, as_of, snapshots.CONTRACT_FACTS, shard),
            costs,
            manifest["mapped"],
        ).customers
        different |= _different(kept, measured)
        tied = snapshots.read_shard(root, as_of, snapshots.TIED, 0)
        scores = score_customers(measured, tied, costs, reference, models)
        frozen = snapshots.read_shard(root, as_of, snapshots.SCORES, shard)
        different |= _different(frozen, snapshots.with_decimal_money(scores))
        customers += scores.num_rows
    return Replayed(as_of, customers, tuple(sorted(different)))


def _different(frozen: pa.Table, again: pa.Table) -> set[str]:
    if frozen.column_names != again.column_names:
        return set(frozen.column_names) ^ set(again.column_names) or {"order of columns"}
    return {
        name
        for name in frozen.column_names
        if not frozen.column(name).combine_chunks().equals(again.column(name).combine_chunks())
    }
