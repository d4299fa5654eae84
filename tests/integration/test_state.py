"""The state database: migrations, types, and what a killed night leaves."""

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Column, Integer, MetaData, Table, insert, select, text
from sqlalchemy.exc import IntegrityError, StatementError

from retention.db import schema
from retention.db.models import Base
from retention.db.session import make_engine, reading, writing
from retention.db.types import Money, UtcDateTime
from retention.domain.errors import ConfigError
from retention.services.fingerprint import fingerprint
from tests.conftest import NIGHT, ROOT

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


NIGHTS = """
import os, signal, sys
from datetime import date, timedelta
from retention.settings import keep_prefect_quiet
keep_prefect_quiet()
import retention.services.night, retention.services.runs, retention.db.snapshots, tasks.nightly
from tests.factories.nights import run_night

def die(*_args, **_kwargs):
    os.kill(os.getpid(), signal.SIGKILL)

point, last = sys.argv[1], date.fromisoformat(sys.argv[2])
for back in (2, 1):
    run_night(last - timedelta(days=back))
if point == "after-claim":
    tasks.nightly.nightly.pull = die
elif point == "while-writing-scores":
    os.fsync = die
elif point == "after-scores":
    tasks.nightly.night.decide_night = die
elif point == "in-the-middle-of-decisions":
    from retention.services import night
    count, real = [0], night._enter
    def enter(*args):
        count[0] += 1
        die() if count[0] == 20 else real(*args)
    night._enter = enter
elif point == "before-commit":
    real_finish = tasks.nightly.runs.finish
    def finish(*args, **kwargs):
        real_finish(*args, **kwargs)
        args[0].flush()
        die()
    tasks.nightly.runs.finish = finish
run_night(last, take_over=point == "again")
"""


def start_nights(point: str, config: Path, state: Path, url: str) -> int:
    environment = os.environ | {
        "RETENTION_STATE_DIR": str(state),
        "RETENTION_CONFIG_DIR": str(config),
        "RETENTION_TEMPLATES_DIR": str(ROOT / "templates"),
        "RETENTION_DATABASE_URL": url,
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-c", NIGHTS, point, NIGHT.isoformat()]
    return subprocess.run(command, env=environment, cwd=state.parent, check=False).returncode


def print_at(url: str) -> str:
    engine = make_engine(url)
    with reading(engine) as session:
        found = fingerprint(session)
    engine.dispose()
    return found


@pytest.fixture(scope="module")
def clean_print(tmp_path_factory: pytest.TempPathFactory, company_data: Path) -> str:
    """The fingerprint after three nights that nobody disturbed."""
    import shutil

    from tests.conftest import write_sources

    home = tmp_path_factory.mktemp("clean")
    shutil.copytree(ROOT / "config", home / "config")
    write_sources(home / "config", company_data)
    url = f"sqlite:///{home / 'state.db'}"
    assert start_nights("never", home / "config", home / "state", url) == 0
    return print_at(url)


@pytest.mark.parametrize(
    "point",
    [
        "after-claim",
        "while-writing-scores",
        "after-scores",
        "in-the-middle-of-decisions",
        "before-commit",
    ],
)
def test_a_killed_night_run_again_leaves_what_a_clean_night_leaves(
    point: str, clean_print: str, config_dir: Path, tmp_path: Path, database_url: str
) -> None:
    state = tmp_path / "state"
    killed = start_nights(point, config_dir, state, database_url)
    assert killed == -signal.SIGKILL
    assert print_at(database_url) != clean_print
    assert start_nights("again", config_dir, state, database_url) == 0
    assert print_at(database_url) == clean_print
    assert not list(state.rglob("*.partial"))
