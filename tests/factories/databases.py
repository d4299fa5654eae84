"""Databases with today's schema, copied from one that was migrated once in a run, and filled."""

import shutil
from dataclasses import replace
from pathlib import Path

from sqlalchemy import Engine, insert, select, text

from retention.bootstrap import Application
from retention.db import schema
from retention.db.models.every import Base
from retention.db.session import make_engine, reading
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


def moved(shop: Application, url: str) -> Application:
    """Move what an application has stored to the migrated database of `url`."""
    engine = make_engine(url)
    _copy_rows(shop.engine, engine)
    shop.engine.dispose()
    settings = shop.settings.model_copy(update={"database_url": url})
    return replace(shop, settings=settings, engine=engine)


def _copy_rows(source: Engine, target: Engine) -> None:
    """Copy every row; numbers that the database counts go on behind the last one."""
    with reading(source) as session, target.begin() as connection:
        for table in Base.metadata.sorted_tables:
            connection.execute(table.delete())
        for table in Base.metadata.sorted_tables:
            found = [dict(row) for row in session.execute(select(table)).mappings()]
            if found:
                connection.execute(insert(table), found)
            if "id" in table.columns and table.columns["id"].type.python_type is int:
                last = f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), "
                last += f"coalesce((SELECT max(id) FROM {table.name}), 1))"
                connection.execute(text(last))
