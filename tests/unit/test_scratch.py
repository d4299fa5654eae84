"""The one DuckDB of a process: what each use has for itself, and what outlives an error."""

import os

import duckdb
import pytest

from retention import scratch as place
from retention.scratch import scratch


def test_what_a_use_makes_is_seen_by_nobody_else() -> None:
    with scratch() as one, scratch() as other:
        one.execute("CREATE TEMP TABLE mine AS SELECT 1")
        with pytest.raises(duckdb.CatalogException, match="mine"):
            other.execute("SELECT * FROM mine")


def test_a_database_in_which_nothing_works_any_more_is_replaced() -> None:
    with scratch() as before:
        assert before.execute("SELECT 1").fetchall() == [(1,)]
    place._database(os.getpid(), None, None).close()
    with scratch() as after:
        assert after.execute("SELECT 2").fetchall() == [(2,)]
