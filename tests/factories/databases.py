"""Databases with today's schema, copied from one that was migrated once in a run."""

import shutil
from pathlib import Path

from retention.db import schema
from retention.db.session import make_engine
from tests.factories.shared import once


def migrated_sqlite(path: Path) -> str:
    """Make an SQLite database of today's schema at `path`; return its URL."""
    shutil.copy(once("migrated", _migrate) / "state.db", path)
    return f"sqlite:///{path}"


def _migrate(folder: Path) -> None:
    engine = make_engine(f"sqlite:///{folder / 'state.db'}")
    schema.upgrade(engine)
    with engine.connect().execution_options(retention_read_only=True) as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    engine.dispose()
