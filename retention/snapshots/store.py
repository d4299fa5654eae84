"""Snapshots: one night's frozen features and scores, as Parquet files under `as_of=YYYY-MM-DD/`.

Each shard of customers has its own files, `<what>-NNNN.parquet`. Names and addresses are only in
`people-NNNN.parquet`, and some of them in `people-at-hand.json`, so that personal data can be
erased without touching the scores. A file appears whole or not at all; a night counts once
`manifest.json` says that it is complete.
"""

import json
import os
import shutil
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retention.domain.errors import RetentionError
from retention.domain.scores import BY_NAME, Kind

if TYPE_CHECKING:  # who only asks which nights there are needs no Arrow
    import pyarrow as pa

SCHEMA_VERSION = "4"
_READABLE = frozenset({"2", "3", SCHEMA_VERSION})
FEATURES, ACTIVITIES, BILLS = "features", "activities", "bills"
CONTRACT_FACTS = "contract-facts"
EVIDENCE, PEOPLE, SCORES = "evidence", "people", "scores"
CONTRACTS, TIES, TIED = "contracts", "ties", "tied"
REFERENCE = "reference.json"
ROWS = "rows"
AT_HAND = "people-at-hand.json"
_MANIFEST = "manifest.json"
_FOLDER = "as_of="


def folder(root: Path, as_of: date) -> Path:
    """Return the folder of one business date."""
    return root / f"{_FOLDER}{as_of.isoformat()}"


def shard_file(root: Path, as_of: date, what: str, shard: int) -> Path:
    """Return the file of one shard."""
    return folder(root, as_of) / f"{what}-{shard:04d}.parquet"


def scan(root: Path, as_of: date, what: str) -> str:
    """Return SQL, for DuckDB, that reads the files of all shards."""
    pattern = str(folder(root, as_of) / f"{what}-*.parquet").replace("'", "''")
    return f"read_parquet('{pattern}', hive_partitioning=false)"


def files(root: Path, as_of: date, what: str) -> list[Path]:
    """Return the files of all shards."""
    return sorted(folder(root, as_of).glob(f"{what}-*.parquet"))


def begin(root: Path, as_of: date, manifest: dict[str, Any]) -> None:
    """Start one date's snapshot anew; what a killed night left is removed."""
    shutil.rmtree(folder(root, as_of), ignore_errors=True)
    folder(root, as_of).mkdir(parents=True)
    write_document(
        root, as_of, _MANIFEST, {"schema": SCHEMA_VERSION, "complete": False, **manifest}
    )


def note(root: Path, as_of: date, **more: Any) -> None:
    """Add to the manifest; `complete=True` says that every shard of the date is there."""
    write_document(root, as_of, _MANIFEST, {**read_manifest(root, as_of), **more})


def read_manifest(root: Path, as_of: date) -> dict[str, Any]:
    """Return what a date's snapshot was made with. Raises RetentionError for another schema."""
    document = read_document(root, as_of, _MANIFEST)
    if document["schema"] not in _READABLE:
        raise RetentionError(
            f"snapshot of {as_of}",
            f"has schema {document['schema']}, this version reads {SCHEMA_VERSION}",
            "Read it with the version that wrote it, or run a new night.",
        )
    return document


def write_document(root: Path, as_of: date, name: str, document: dict[str, Any]) -> None:
    """Write one JSON document of a date, whole or not at all."""
    target = folder(root, as_of) / name
    partial = target.with_name(f".{name}.partial")
    partial.write_text(json.dumps(document, indent=1, sort_keys=True), encoding="utf-8")
    partial.replace(target)


def read_document(root: Path, as_of: date, name: str) -> dict[str, Any]:
    """Return one JSON document of a date."""
    document: dict[str, Any] = json.loads((folder(root, as_of) / name).read_text("utf-8"))
    return document


def write_shard(root: Path, as_of: date, what: str, shard: int, table: "pa.Table") -> None:
    """Write one shard's table."""
    _write(table, shard_file(root, as_of, what, shard), as_of)


def read_shard(root: Path, as_of: date, what: str, shard: int) -> "pa.Table":
    """Return one shard's table."""
    import pyarrow.parquet as pq

    return pq.read_table(shard_file(root, as_of, what, shard), partitioning=None)


def read_column(root: Path, as_of: date, what: str, shard: int, name: str) -> "pa.ChunkedArray":
    """Return one column of one shard's table."""
    import pyarrow.parquet as pq

    file = shard_file(root, as_of, what, shard)
    return pq.read_table(file, columns=[name], partitioning=None).column(name)


def write_scores(root: Path, as_of: date, shard: int, scores: "pa.Table") -> None:
    """Write one shard's scores; money comes in cents and is written as DECIMAL(18, 2)."""
    write_shard(root, as_of, SCORES, shard, with_decimal_money(scores))


def erase_person(root: Path, customer_id: str) -> None:
    """Remove a customer's name and addresses from every date; the scores stay."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    for path in sorted(root.glob(f"{_FOLDER}*/{PEOPLE}-*.parquet")):
        people = pq.read_table(path, partitioning=None)
        kept = people.filter(pc.not_equal(people.column("customer_id"), customer_id))
        if kept.num_rows < people.num_rows:
            _write(kept, path, _date_of(path))
    for path in sorted(root.glob(f"{_FOLDER}*/{AT_HAND}")):
        known = read_document(root, _date_of(path), AT_HAND)
        if known.pop(customer_id, None) is not None:
            write_document(root, _date_of(path), AT_HAND, known)


def newest(root: Path) -> date | None:
    """Return the newest date whose snapshot is complete, None before the first."""
    return next(_complete(root, newest_first=True), None)


def latest_before(root: Path, as_of: date) -> date | None:
    """Return the newest date before `as_of` that has a snapshot."""
    return max((day for day in dates(root) if day < as_of), default=None)


def dates(root: Path) -> list[date]:
    """Return all dates whose snapshot is complete, oldest first."""
    return list(_complete(root))


def _complete(root: Path, *, newest_first: bool = False) -> Iterator[date]:
    for path in sorted(root.glob(f"{_FOLDER}*/{_MANIFEST}"), reverse=newest_first):
        if json.loads(path.read_text("utf-8"))["complete"]:
            yield _date_of(path)


def _date_of(path: Path) -> date:
    """Return the date of a file of a snapshot."""
    return date.fromisoformat(path.parent.name.removeprefix(_FOLDER))


def with_decimal_money(scores: "pa.Table") -> "pa.Table":
    """Return scores whose money is DECIMAL(18, 2) instead of cents."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for position, name in enumerate(scores.column_names):
        if name in BY_NAME and BY_NAME[name].kind is Kind.MONEY:
            units = scores.column(name).cast(pa.decimal128(19, 0))
            amount = pc.multiply(units, pa.scalar(Decimal("0.01"))).cast(pa.decimal128(18, 2))
            scores = scores.set_column(position, name, amount)
    return scores


def _write(table: "pa.Table", target: Path, as_of: date) -> None:
    import pyarrow.parquet as pq

    marked = table.replace_schema_metadata(
        {"retention.schema": SCHEMA_VERSION, "retention.as_of": as_of.isoformat()}
    )
    # One name, not one per process: what a killed night left is overwritten by the next try.
    partial = target.with_name(f".{target.name}.partial")
    pq.write_table(marked, partial, compression="zstd")
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    partial.replace(target)


def table_of(root: Path, as_of: date, what: str) -> "pa.Table":
    """Return the rows of all shards of a date."""
    import pyarrow as pa

    parts = [
        read_shard(root, as_of, what, shard)
        for shard in range(read_manifest(root, as_of)["shards"])
    ]
    return pa.concat_tables(parts)
