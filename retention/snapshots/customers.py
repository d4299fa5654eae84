"""Who customers are, by the newest snapshot: what a list of work shows beside their ids."""

from pathlib import Path
from typing import Any

from retention.scratch import scratch
from retention.snapshots import store as snapshots

_COLUMNS = ("customer_id", "name", "email", "phone", "account_manager", "country", "kind")
_PEOPLE = (
    f"SELECT {', '.join(_COLUMNS)} FROM read_parquet(?, hive_partitioning = false) "
    "WHERE customer_id IN (SELECT unnest(?))"
)


def people_of(root: Path, customer_ids: set[str]) -> dict[str, dict[str, Any]]:
    """Return names and addresses from the newest snapshot; empty without one."""
    days = snapshots.dates(root)
    if not days:
        return {}
    files = [str(path) for path in snapshots.files(root, days[-1], snapshots.PEOPLE)]
    with scratch() as db:
        found = db.execute(_PEOPLE, [files, sorted(customer_ids)]).fetchall()
    return {row[0]: dict(zip(_COLUMNS, row, strict=True)) for row in found}
