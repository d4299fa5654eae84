"""A place to compute in: one DuckDB in the memory of this process.

Opening a database costs far more than most questions put to it, so all of them share one. Each use
has a cursor of its own; what it registers, and its temporary views, are seen by nobody else.
"""

import atexit
import os
from functools import cache

import duckdb


def scratch() -> duckdb.DuckDBPyConnection:
    """Return a new cursor; use it as a context manager."""
    return _database(os.getpid()).cursor()


@cache
def _database(_process: int) -> duckdb.DuckDBPyConnection:
    """A forked process opens its own: the threads of its parent's did not come along."""
    return duckdb.connect(":memory:")


atexit.register(_database.cache_clear)
