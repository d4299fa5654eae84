"""Who customers are, by the newest night: what a list of work shows beside their ids.

A night keeps at hand whose actions wait, in one small document: who lists them needs no engine for
Parquet, which would be half of such a command's time. Everybody else is looked up.
"""

from collections.abc import Collection
from datetime import date
from pathlib import Path
from typing import Any

from retention.snapshots import store as snapshots

_COLUMNS = ("customer_id", "name", "email", "phone", "account_manager", "country", "kind")
_PEOPLE = (
    f"SELECT {', '.join(_COLUMNS)} FROM read_parquet(?, hive_partitioning = false) "
    "WHERE customer_id IN (SELECT unnest(?))"
)


def people_of(root: Path, customer_ids: Collection[str]) -> dict[str, dict[str, Any]]:
    """Return names and addresses of the newest night, by customer; empty before the first."""
    night = snapshots.newest(root)
    if night is None:
        return {}
    try:
        at_hand = snapshots.read_document(root, night, snapshots.AT_HAND)
    except FileNotFoundError:  # nothing was decided that night
        at_hand = {}
    missing = set(customer_ids) - at_hand.keys()
    known = at_hand | (_looked_up(root, night, missing) if missing else {})
    return {customer: known[customer] for customer in customer_ids if known.get(customer)}


def keep_at_hand(root: Path, as_of: date, customer_ids: Collection[str]) -> None:
    """Keep at hand who these customers of a night are; an erasure takes them out again.

    Of one who was not there that night, that is what is kept: nobody looks again.
    """
    found = dict.fromkeys(customer_ids) | _looked_up(root, as_of, customer_ids)
    snapshots.write_document(root, as_of, snapshots.AT_HAND, found)


def _looked_up(root: Path, as_of: date, customer_ids: Collection[str]) -> dict[str, dict[str, Any]]:
    from retention.scratch import scratch

    files = [str(path) for path in snapshots.files(root, as_of, snapshots.PEOPLE)]
    with scratch() as db:
        found = db.execute(_PEOPLE, [files, sorted(customer_ids)]).fetchall()
    return {row[0]: dict(zip(_COLUMNS, row, strict=True)) for row in found}
