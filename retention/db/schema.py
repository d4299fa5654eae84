"""Bring a database to the present schema, or tell how far it is."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.orm import Session

from retention.domain.errors import ConfigError

if TYPE_CHECKING:  # most commands only ask whether there is a database
    from alembic.config import Config

_MIGRATIONS = Path(__file__).parent / "migrations"
_ONE_AT_A_TIME = 20_081_117
NEWEST = "0011"
"""The last migration; they are counted."""


def upgrade(engine: Engine) -> None:
    """Apply every migration that is missing, in one transaction; make the folder of a new file."""
    from alembic import command

    from retention.db.chain import cover

    config = _config()
    if engine.dialect.name == "sqlite" and engine.url.database not in (None, "", ":memory:"):
        Path(engine.url.database or "").parent.mkdir(parents=True, exist_ok=True)
    with engine.connect() as connection, _unwatched(connection), connection.begin():
        if connection.dialect.name == "postgresql":  # SQLite has one writer anyway
            connection.execute(text("SELECT pg_advisory_xact_lock(:one)"), {"one": _ONE_AT_A_TIME})
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        _require_whole(connection)
        with Session(connection) as session:
            cover(session)
            session.flush()


@contextmanager
def _unwatched(connection: Connection) -> Iterator[None]:
    """SQLite changes a column by making its table anew, which others refer to meanwhile."""
    if connection.dialect.name != "sqlite":
        yield
        return
    raw: Any = connection.connection.driver_connection
    raw.execute("PRAGMA foreign_keys = OFF")
    try:
        yield
    finally:
        raw.execute("PRAGMA foreign_keys = ON")


def _require_whole(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
        if broken:
            raise AssertionError(f"a migration leaves rows of nobody: {broken[:5]}")


def exists(engine: Engine) -> bool:
    """Return whether the database was ever set up; a SQLite file is not created by asking."""
    name = engine.url.database
    if engine.dialect.name == "sqlite" and name and name != ":memory:" and not Path(name).exists():
        return False
    return inspect(engine).has_table("alembic_version")


def is_current(engine: Engine) -> bool:
    """Return whether the database has every migration."""
    return _version_of(engine) == NEWEST


def prepare(engine: Engine) -> bool:
    """Bring a database that exists to the present schema; return whether it exists.

    Raises ConfigError for one that a later version has made.
    """
    if not exists(engine):
        return False
    version = _version_of(engine)
    if version > NEWEST:
        raise ConfigError(
            "the database",
            f"has schema {version}, and this version of retention knows {NEWEST}",
            "Install the version that made it, or a later one.",
        )
    if version < NEWEST:
        upgrade(engine)
    return True


def make_ready(engine: Engine) -> None:
    """Bring a database to the present schema, or make it. Raises ConfigError as `prepare` does."""
    if not prepare(engine):
        upgrade(engine)


def _version_of(engine: Engine) -> str:
    with engine.connect() as connection:
        return connection.scalar(text("SELECT version_num FROM alembic_version")) or ""


def _config() -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
