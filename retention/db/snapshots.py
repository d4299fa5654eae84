"""Snapshots: one night's frozen scores, as Parquet files under `as_of=YYYY-MM-DD/`.

`scores-NNNN.parquet` holds no names or addresses; those are in `people-NNNN.parquet` beside it, so
that personal data can be erased without touching the scores. A file appears whole or not at all.
"""

import os
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from retention.domain.scores import BY_NAME, Kind

SCHEMA_VERSION = "1"
_MONEY = pa.decimal128(18, 2)
_FOLDER = "as_of="


def folder(root: Path, as_of: date) -> Path:
    """Return the folder of one business date."""
    return root / f"{_FOLDER}{as_of.isoformat()}"


def scores_glob(root: Path, as_of: date) -> str:
    """Return the pattern of the score files of one date, for DuckDB."""
    return str(folder(root, as_of) / "scores-*.parquet")


def people_file(root: Path, as_of: date) -> Path:
    """Return the file of names and addresses of one date."""
    return folder(root, as_of) / "people-0000.parquet"


def write_features(
    root: Path, as_of: date, wide: pa.Table, activities: pa.Table, people: pa.Table
) -> None:
    """Write what was pulled: features and activities without names, people apart."""
    folder(root, as_of).mkdir(parents=True, exist_ok=True)
    _write(people, people_file(root, as_of), as_of)
    _write(wide, folder(root, as_of) / "features-0000.parquet", as_of)
    _write(activities, folder(root, as_of) / "activities-0000.parquet", as_of)


def read_features(root: Path, as_of: date) -> tuple[pa.Table, pa.Table]:
    """Return features and activities of one date."""
    here = folder(root, as_of)
    return (
        pq.read_table(here / "features-0000.parquet", partitioning=None),
        pq.read_table(here / "activities-0000.parquet", partitioning=None),
    )


def write_scores(root: Path, as_of: date, scores: pa.Table) -> None:
    """Write one date's scores; money comes in cents and is written as DECIMAL(18, 2)."""
    _write(_with_decimal_money(scores), folder(root, as_of) / "scores-0000.parquet", as_of)


def latest_before(root: Path, as_of: date) -> date | None:
    """Return the newest date before `as_of` that has a snapshot."""
    return max((day for day in dates(root) if day < as_of), default=None)


def dates(root: Path) -> list[date]:
    """Return all dates that have scores, oldest first."""
    found = (path.parent.name for path in root.glob(f"{_FOLDER}*/scores-0000.parquet"))
    return sorted(date.fromisoformat(name.removeprefix(_FOLDER)) for name in found)


def _with_decimal_money(scores: pa.Table) -> pa.Table:
    for position, name in enumerate(scores.column_names):
        if BY_NAME[name].kind is Kind.MONEY:
            units = scores.column(name).cast(pa.decimal128(19, 0))
            amount = pc.multiply(units, pa.scalar(Decimal("0.01"))).cast(_MONEY)
            scores = scores.set_column(position, name, amount)
    return scores


def _write(table: pa.Table, target: Path, as_of: date) -> None:
    marked = table.replace_schema_metadata(
        {"retention.schema": SCHEMA_VERSION, "retention.as_of": as_of.isoformat()}
    )
    # One name, not one per process: what a killed night left is overwritten by the next try.
    partial = target.with_name(f".{target.name}.partial")
    pq.write_table(marked, partial, compression="zstd")
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    partial.replace(target)
