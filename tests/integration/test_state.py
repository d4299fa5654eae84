"""The state database: migrations, types, and what a killed night leaves."""

import json
import signal
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Column, Integer, MetaData, Table, insert, select, text
from sqlalchemy.exc import IntegrityError, StatementError

from retention.db import schema
from retention.db.models.every import Base
from retention.db.session import make_engine, reading, writing
from retention.db.types import Money, UtcDateTime
from retention.demo.data import write_company
from retention.domain.errors import ConfigError
from tests.conftest import NIGHT, ROOT, PostgresDatabases, copy_config

THINGS = Table(
    "thing",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("at", UtcDateTime),
    Column("price", Money),
)


def test_migrations_and_models_agree(database_url: str) -> None:
    engine = make_engine(database_url)
    schema.upgrade(engine)
    assert schema.is_current(engine)
    with engine.connect() as connection:
        head = ScriptDirectory.from_config(schema._config()).get_current_head()
        assert head == schema.NEWEST
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = compare_metadata(context, Base.metadata)
    engine.dispose()
    assert differences == []


def test_upgrading_twice_is_harmless(database_url: str) -> None:
    engine = make_engine(database_url)
    schema.upgrade(engine)
    schema.upgrade(engine)
    assert schema.is_current(engine)
    engine.dispose()


def test_a_database_of_a_later_version_is_left_alone(database_url: str) -> None:
    engine = make_engine(database_url)
    assert not schema.prepare(engine), "there is none, and asking makes none"
    schema.upgrade(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConfigError, match="has schema 9999.*Install the version that made it"):
        schema.prepare(engine)
    engine.dispose()


def test_times_come_back_aware_and_money_exact(database_url: str) -> None:
    engine = make_engine(database_url)
    moment = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    with writing(engine) as session:
        THINGS.create(session.connection())
        session.execute(insert(THINGS), {"id": 1, "at": moment, "price": Decimal("-1234.56")})
    with reading(engine) as session:
        row = session.execute(select(THINGS)).one()
    engine.dispose()
    assert row.at == moment
    assert row.at.tzinfo is not None
    assert str(row.price) == "-1234.56"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"at": datetime(2026, 1, 1)}, "naive datetime"),  # noqa: DTZ001 - the very mistake
        ({"price": Decimal("0.001")}, "more than two decimals"),
    ],
)
def test_inexact_values_are_refused(
    database_url: str, values: dict[str, object], message: str
) -> None:
    engine = make_engine(database_url)
    with writing(engine) as session:
        THINGS.create(session.connection())
    with pytest.raises(StatementError, match=message), writing(engine) as session:
        session.execute(insert(THINGS), {"id": 1, **values})
    engine.dispose()


def test_foreign_keys_and_states_are_checked_by_the_database(database_url: str) -> None:
    engine = make_engine(database_url)
    schema.upgrade(engine)
    row = ("INSERT INTO message (id, action_id, state, policy, content_hash, attempts, not_before, "
           "send_until) VALUES ('1', 'none', '{}', 'at_most_once', '', 0, '2026-01-01', "
           "'2026-01-01')")  # fmt: skip
    for state in ("queued", "lost"):
        with pytest.raises(IntegrityError), writing(engine) as session:
            session.execute(text(row.format(state)))
    engine.dispose()


def test_sqlite_is_durable_and_safe(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path / 'state.db'}")
    with engine.connect() as connection:
        assert connection.scalar(text("PRAGMA journal_mode")) == "wal"
        assert connection.scalar(text("PRAGMA synchronous")) == 2
        assert connection.scalar(text("PRAGMA foreign_keys")) == 1
    engine.dispose()


def test_other_databases_are_refused_with_a_remedy() -> None:
    with pytest.raises(ConfigError, match="'oracle' is not supported. Use sqlite"):
        make_engine("oracle://somewhere")


def test_a_night_killed_anywhere_and_run_again_leaves_what_a_clean_night_leaves(
    tmp_path: Path, postgres: PostgresDatabases, gate: bool
) -> None:
    """Both databases at once: each is a process of its own and most of the time waits for disks.

    The gate kills each at every point; every day each is killed at every second one.
    """
    write_company(120, 5, NIGHT.replace(month=6, day=1), str(tmp_path / "data"), "parquet")
    config = copy_config(tmp_path / "config", tmp_path / "data")
    sweeps = {}
    for share, kind in enumerate(("sqlite", "postgresql")):
        home = tmp_path / kind
        home.mkdir()
        url = f"sqlite:///{home / 'state.db'}"
        if kind == "postgresql":
            url = postgres.make("retention_killed")
        command = [sys.executable, "-m", "tests.factories.killing", str(home), str(config), url,
                   NIGHT.isoformat(), *(("0", "1") if gate else (str(share), "2"))]  # fmt: skip
        sweeps[kind] = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    for kind, sweep in sweeps.items():
        said, _ = sweep.communicate(timeout=900)
        assert sweep.returncode == 0, kind
        found = json.loads(said)
        points = found["points"]
        assert {"INSERT INTO action #1", "INSERT INTO message #1"} <= set(found["passed"])
        assert len(found["passed"]) > 30
        assert len(points) >= len(found["passed"]) // (1 if gate else 2)
        assert {f["killed"] for f in points.values()} == {-signal.SIGKILL}
        wrong = {p: f for p, f in points.items() if not f["same"] or f["rerun"] or f["left"]}
        assert not wrong, kind
