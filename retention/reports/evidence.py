"""The source rows that a customer's verdict rests on, newest first."""

from pathlib import Path
from typing import Any

from retention.scratch import scratch
from retention.snapshots import store as snapshots

_SQL = (
    "SELECT * EXCLUDE (customer_id) FROM {rows} WHERE customer_id = ? "
    "ORDER BY happened_on DESC, row_id LIMIT 50"
)


def evidence_of(root: Path, customer_id: str) -> list[dict[str, Any]]:
    """Return the rows of the newest night; empty before the first."""
    night = snapshots.newest(root)
    if night is None or not snapshots.files(root, night, snapshots.EVIDENCE):
        return []
    with scratch() as db:
        query = _SQL.format(rows=snapshots.scan(root, night, snapshots.EVIDENCE))
        found = db.execute(query, [customer_id])
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
