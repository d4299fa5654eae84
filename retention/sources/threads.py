"""How many threads read and count a company's rows.

Dividing a table of a few thousand rows among threads takes longer than counting them: a company of
a thousand customers is open a fifth sooner with one.
"""

import duckdb

from retention.sources.rows import run


def use_threads(db: duckdb.DuckDBPyConnection, *, many: bool) -> None:
    """Let `db` work with one thread, or with one for each processor.

    It holds for every cursor of the same database; a result never depends on it.
    """
    run(db, "RESET threads" if many else "SET threads = 1")
