"""A place to compute in: one DuckDB in the memory of this process.

Opening a database costs far more than most questions put to it, so all of them share one. Each use
has a cursor of its own; what it registers, its temporary tables and views, its time zone, are seen
by nobody else, and end with it.
"""

import atexit
import os
from functools import lru_cache
from pathlib import Path

import duckdb


def scratch(memory: str | None = None, spill: Path | None = None) -> duckdb.DuckDBPyConnection:
    """Return a new cursor; use it as a context manager, or close it.

    What needs much has a database apart from the others: it takes no more than `memory`, and what
    is beyond that goes to the folder `spill` until the cursor is closed.
    """
    here = (os.getpid(), memory, spill)
    try:
        return _tried(_database(*here).cursor())
    except duckdb.Error:  # after a fatal error nothing works in a database any more
        _database.cache_clear()
        return _database(*here).cursor()


def _tried(cursor: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    cursor.execute("SELECT 1").fetchall()
    return cursor


@lru_cache(maxsize=4)
def _database(_process: int, memory: str | None, spill: Path | None) -> duckdb.DuckDBPyConnection:
    """A forked process opens its own: the threads of its parent's did not come along."""
    limits = {"memory_limit": memory, "temp_directory": spill and spill.as_posix()}
    return duckdb.connect(":memory:", config={name: str(v) for name, v in limits.items() if v})


atexit.register(_database.cache_clear)
