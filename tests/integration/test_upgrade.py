"""A state of every earlier version goes on under today's: on SQLite, and copied into PostgreSQL."""

import tarfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import (
    Connection,
    MetaData,
    Table,
    create_engine,
    func,
    inspect,
    select,
    text,
    update,
)

from retention import bootstrap
from retention.audit import verify as audit
from retention.audit.replay_decisions import replay_receipts
from retention.bootstrap import Application
from retention.db import schema
from retention.db.models.runs import Run
from retention.db.models.work.actions import Action, AgreedCall, Receipt
from retention.db.models.work.cases import Case
from retention.db.session import make_engine, reading, writing
from retention.demo.data import write_company
from retention.domain.actions import Purpose
from retention.domain.errors import RetentionError
from retention.domain.runs import RunState
from retention.runs.history import list_nights, summary_of
from tests.conftest import ROOT, PostgresDatabases, copy_config, make_settings, use_application
from tests.factories.commands import answer, retention
from tests.factories.nights import run_night

STATES = sorted((ROOT / "tests" / "states").glob("*.tar.xz"))
# Every day the oldest and the newest; the others differ by what lies between.
EACH = [pytest.param(state, marks=[pytest.mark.gate] if state in STATES[1:-1] else [])
        for state in STATES]  # fmt: skip
LAST = date(2026, 5, 30)


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data that the earlier versions have seen, a day older."""
    folder = tmp_path_factory.mktemp("company")
    write_company(60, 11, date(2026, 6, 1), str(folder), "csv")
    return folder


@pytest.fixture(params=["sqlite", "postgresql"])
def earlier(
    request: pytest.FixtureRequest,
    archive: Path,
    company: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Application]:
    """A workshop on the state that an earlier version has left."""
    state = tmp_path / "state"
    with tarfile.open(archive) as kept:
        kept.extractall(state, filter="data")
    url = f"sqlite:///{state / 'retention.db'}"
    if request.param == "postgresql":
        url = _copied(url, request.getfixturevalue("postgres"))
    config = copy_config(tmp_path / "config", company)
    made = bootstrap.build_application(make_settings(config, state, url))
    use_application(monkeypatch, made)
    yield made
    made.engine.dispose()


def _copied(sqlite: str, databases: PostgresDatabases) -> str:
    """Copy a state into PostgreSQL, into the tables of the version that has left it."""
    url = databases.make("retention_earlier")
    source, target = create_engine(sqlite), make_engine(url)
    config, tables = schema._config(), MetaData()
    with source.connect() as there, target.begin() as here:
        revision = there.scalar(text("SELECT version_num FROM alembic_version"))
        config.attributes["connection"] = here
        command.upgrade(config, str(revision))
        tables.reflect(here)
        for table in tables.sorted_tables:
            if table.name != "alembic_version":
                _copy_table(there, here, table)
    source.dispose()
    target.dispose()
    return url


def _copy_table(there: Connection, here: Connection, table: Table) -> None:
    known = Table(table.name, MetaData(), autoload_with=there)
    rows = [_typed(row._asdict(), table) for row in there.execute(select(known))]
    if rows:
        here.execute(table.insert(), rows)
    if "id" in table.c and table.c.id.type.python_type is int:
        counter = f"pg_get_serial_sequence('\"{table.name}\"', 'id')"
        highest = f'SELECT coalesce(max(id), 1) FROM "{table.name}"'
        here.execute(text(f"SELECT setval({counter}, ({highest}))"))


def _typed(row: dict[str, object], table: Table) -> dict[str, object]:
    """SQLite keeps truth as 0 and 1, and moments without their zone."""
    made = {}
    for name, value in row.items():
        wanted = table.c[name].type.python_type
        made[name] = value
        if wanted is bool and value is not None:
            made[name] = bool(value)
        elif isinstance(value, datetime):
            made[name] = value.replace(tzinfo=UTC)
    return made


@pytest.mark.parametrize("archive", EACH, ids=lambda path: path.name.split(".")[0])
def test_an_earlier_state_goes_on(earlier: Application) -> None:
    nights = [run_night(LAST + timedelta(days=n)) for n in (1, 2)]
    assert [night["pull"]["customers"] for night in nights] == [60, 60]
    assert all(not night["pull"]["tripped"] for night in nights)
    with reading(earlier.engine) as session:
        listed = list_nights(session, "nightly", 10)
        assert {night.state for night in listed} == {RunState.COMPLETED}
        assert len(listed) >= 5
        assert all(night.read == 60 for night in listed)
        assert summary_of(session, "nightly", LAST)["decisions"]["over_cap"] == {}
        for what in (Case, Action):
            assert (session.scalar(select(func.count()).select_from(what)) or 0) >= 15
        assert not audit.verify(session, []).findings
        found = replay_receipts(session, earlier.policies.calendars)
        assert found.different == ()
        waiting = set(session.scalars(select(Case.waiting_for)))
        assert "playbook_unreadable" not in waiting, "cases go on under their own version"
        receipts = session.scalar(select(func.count()).select_from(Receipt)) or 0
        assert receipts >= found.checked + found.too_old > 0
    assert schema.is_current(earlier.engine)
    assert inspect(earlier.engine).has_table("round")


@pytest.mark.parametrize("archive", STATES[-1:], ids=["newest"])
def test_a_state_of_a_later_version_is_refused_with_a_remedy(earlier: Application) -> None:
    run_night(LAST + timedelta(days=1))
    with writing(earlier.engine) as session:
        session.execute(update(Run).values(summary={"schema": 99, "pull": {}}))
    with pytest.raises(RetentionError, match="written by a later version.*Install that version"):
        run_night(LAST + timedelta(days=2))


@pytest.mark.parametrize(
    "archive", [s for s in STATES if "2026-11-26-1917" in s.name], ids=["calls"]
)
def test_what_stood_in_numbers_and_answers_has_a_column_of_its_own(earlier: Application) -> None:
    """Steps from 95 on, and an agreement among the answers of a call."""
    schema.upgrade(earlier.engine)
    with reading(earlier.engine) as session:
        kinds = session.execute(select(Action.purpose, Action.step, Action.template).distinct())
        assert set(map(tuple, kinds)) == {
            (Purpose.STEP, 0, None),
            (Purpose.RECEIPT, None, "receipt"),
            (Purpose.REPLY, None, None),
        }
        agreed = session.scalars(select(AgreedCall)).one()
        assert (agreed.number, agreed.agreed_by) == (1, "marta")
        assert agreed.starts_at == datetime(2026, 6, 2, 9, tzinfo=UTC)
        assert agreed.agreed_at == datetime(2026, 5, 31, 7, tzinfo=UTC)
        call = session.get_one(Action, agreed.action_id)
        assert call.answers is None
        assert call.mailing == "2026-05-30:restore:reassess:review"
    checks = inspect(earlier.engine).get_check_constraints("action")
    assert {str(check["name"]) for check in checks} == {
        "ck_action_stage", "ck_action_actionkind", "ck_action_actionstate", "ck_action_purpose",
    }  # fmt: skip


@pytest.mark.gate
@pytest.mark.parametrize("archive", STATES, ids=lambda path: path.name.split(".")[0])
def test_people_may_work_before_the_first_night_of_a_new_version(
    archive: Path, company: Path, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    with tarfile.open(archive) as kept:
        kept.extractall(state, filter="data")
    config = copy_config(tmp_path / "config", company)
    env = {"RETENTION_STATE_DIR": str(state), "RETENTION_CONFIG_DIR": str(config)}
    done = retention("queue", "list", "--json", cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    first = answer(done)["actions"][0]
    text = ("--text", "I look into it")
    done = retention("queue", "comment", first["id"], "--as", first["owner"], *text, "--json",
                     cwd=tmp_path, env=env)  # fmt: skip
    assert done.returncode == 0, done.stderr
