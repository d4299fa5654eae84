"""Read a result from DuckDB to its end, so that the connection is free for the next statement."""

from collections.abc import Sequence
from typing import Any

import duckdb


def one_row(db: duckdb.DuckDBPyConnection, sql: str) -> tuple[Any, ...]:
    """Return the first row of a query, or an empty tuple."""
    rows = db.execute(sql).fetchall()
    return tuple(rows[0]) if rows else ()


def run(db: duckdb.DuckDBPyConnection, sql: str, values: Sequence[object] = ()) -> None:
    """Run a statement whose result nobody needs."""
    db.execute(sql, list(values)).fetchall()
