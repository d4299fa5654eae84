"""Engines and transactions. The edge that opens a transaction is the one that commits it.

SQLite: WAL, full synchronisation and foreign keys; writers begin with BEGIN IMMEDIATE, so two
processes can never both read a row as free and then take it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.orm import Session

from retention.domain.errors import ConfigError

_WAIT_SECONDS = 30
_READ_ONLY = "retention_read_only"


def make_engine(url: str) -> Engine:
    """Return an engine for a SQLite or PostgreSQL URL. Raises ConfigError for another one."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        engine = create_engine(
            parsed, connect_args={"timeout": _WAIT_SECONDS}, hide_parameters=True
        )
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    if parsed.get_backend_name() == "postgresql":
        return create_engine(
            parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True, hide_parameters=True
        )
    raise ConfigError(
        "RETENTION_DATABASE_URL",
        f"'{parsed.get_backend_name()}' is not supported",
        "Use sqlite:///... or postgresql://...",
    )


@contextmanager
def writing(engine: Engine) -> Iterator[Session]:
    """Open a transaction that writes; it commits at the end or rolls back on an error.

    What it has recorded for the audit is chained in the same transaction.
    """
    # Here, since the chain knows every table and sees each flush: who only reads needs neither.
    from retention.db.chain import append_pending

    with Session(engine, expire_on_commit=False) as session, session.begin():
        yield session
        append_pending(session)


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """Open a transaction that only reads; whatever it changed is rolled back."""
    with engine.connect().execution_options(**{_READ_ONLY: True}) as connection:
        with Session(connection, expire_on_commit=False) as session:
            yield session
        connection.rollback()


@contextmanager
def trying(engine: Engine) -> Iterator[Session]:
    """Open a transaction that may write but is always rolled back."""
    with Session(engine, expire_on_commit=False) as session:
        yield session
        session.rollback()


def _prepare_sqlite(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    read_only = connection.get_execution_options().get(_READ_ONLY, False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")
