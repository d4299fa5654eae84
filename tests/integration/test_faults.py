"""Each source, faulted seven ways: nobody's position is worsened by bad data."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from _pytest.mark.structures import ParameterSet
from sqlalchemy import func, select, update

from retention.bootstrap import Application, build_application
from retention.db.models.work.actions import Action
from retention.db.models.work.cases import Case, CaseEvent
from retention.db.session import make_engine, reading, writing
from retention.domain.actions import ActionState, Purpose
from retention.domain.cases import CaseState
from retention.domain.errors import GateTrippedError, SourceError
from retention.domain.stages import ADVERSE_STAGES, Stage
from retention.policies.load import load_policies
from tests.conftest import NIGHT, copy_config, make_settings, use_application, write_sources
from tests.factories.nights import approve_all, complete_all, run_night

TABLES = {
    "customers": "created_on",
    "contacts": None,
    "contracts": "started_on",
    "invoices": "issued_on",
    "payments": "paid_on",
    "tickets": "opened_at",
    "usage": "used_on",
    "surveys": "answered_on",
    "cost_events": "occurred_on",
}
SUMS = {
    "contracts": "monthly_fee",
    "invoices": "amount",
    "payments": "amount",
    "tickets": "handling_minutes",
    "usage": "quantity",
    "cost_events": "quantity",
}
Fault = Callable[[str, pa.Table], pa.Table | None]


def stale(name: str, table: pa.Table) -> pa.Table:
    """The export of two months ago."""
    column = TABLES[name]
    if column is None:
        return table
    then = pa.scalar(NIGHT - timedelta(days=70))
    return table.filter(pc.less_equal(table[column].cast(pa.date32()), then))


def shifted(name: str, table: pa.Table) -> pa.Table:
    """A decimal point in the wrong place."""
    column = SUMS.get(name)
    if column is None:
        return table
    position = table.column_names.index(column)
    wrong = pc.multiply(table[column].cast(pa.float64()), 10.0)
    return table.set_column(position, column, wrong)


def without_some(_: str, table: pa.Table) -> pa.Table:
    """Every third customer is gone."""
    numbers = pc.cast(pc.utf8_slice_codeunits(table["customer_id"], 1), pa.int64())
    remainder = pc.subtract(numbers, pc.multiply(pc.divide(numbers, 3), 3))
    return table.filter(pc.not_equal(remainder, 0))


FAULTS: dict[str, Fault] = {
    "missing": lambda _name, _table: None,
    "empty": lambda _name, table: table.slice(0, 0),
    "stale": stale,
    "half": lambda _name, table: table.slice(0, table.num_rows // 2),
    "duplicated": lambda _name, table: pa.concat_tables([table, table]),
    "shifted": shifted,
    "vanished": without_some,
}
# Nothing in them has a date that moves, or a sum: such an export is what it was the night before.
UNCHANGED = {("customers", "stale"), ("contacts", "stale"), ("contracts", "stale"),
             ("customers", "shifted"), ("contacts", "shifted"), ("surveys", "shifted")}  # fmt: skip


@pytest.fixture(scope="module")
def brink(tmp_path_factory: pytest.TempPathFactory, company_data: Path) -> Application:
    """A company one good night before a wave of migration offers."""
    home = tmp_path_factory.mktemp("brink")
    config = copy_config(home / "config", company_data)
    url = f"sqlite:///{home / 'state.db'}"
    made = build_application(make_settings(config, home / "state", url))
    with pytest.MonkeyPatch.context() as patch:
        use_application(patch, made)
        for back in (5, 4, 3, 2):
            run_night(NIGHT - timedelta(days=back))
            complete_all(made, NIGHT - timedelta(days=back))
        run_night(NIGHT - timedelta(days=1))
        approve_all(made, NIGHT - timedelta(days=1))
    stand_before_migration(made)
    made.engine.dispose()
    return made


def stand_before_migration(shop: Application) -> None:
    """Let every case have served all that comes before `migrate`, long ago."""
    long_ago = NIGHT - timedelta(days=90)
    with writing(shop.engine) as session:
        cases = session.scalars(
            select(Case).where(Case.state == CaseState.OPEN, Case.playbook == "restore")
        ).all()
        for case in cases:
            case.stage, case.stage_entered_on = Stage.RENEGOTIATE, long_ago
            for number, stage in enumerate((Stage.EDUCATE, Stage.RENEGOTIATE)):
                session.add(
                    Action(
                        id=f"{case.id[:30]}-{number}", case_id=case.id,
                        customer_id=case.customer_id, stage=stage, step=0, kind="letter",
                        template="education", form="letter", state=ActionState.DONE,
                        purpose=Purpose.STEP, owner="marta", required_roles=[],
                        proposed_by="retention", proposed_on=long_ago, due_on=long_ago,
                        done_on=long_ago, outcome="delivered", answers={"proof": "R-1"},
                    )
                )  # fmt: skip
        session.execute(
            update(Action)
            .where(Action.state.in_(["approved", "pending_approval"]))
            .values(state=ActionState.CANCELLED)
        )


@pytest.fixture
def night(
    brink: Application, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Path], tuple[int, int]]:
    """Run the night on a copy of the brink; return new adverse actions and new adverse stages."""

    return lambda data: night_on(brink, tmp_path / "copy", monkeypatch, data)


def night_on(
    brink: Application, home: Path, monkeypatch: pytest.MonkeyPatch, data: Path
) -> tuple[int, int]:
    """Run the night on a copy of the brink; return new adverse actions and new adverse stages."""
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir()
    state = brink.settings.state_dir
    shutil.copytree(state, home / "state")
    for path in state.parent.glob("state.db*"):
        shutil.copy(path, home)
    config = shutil.copytree(brink.policies.home, home / "config")
    write_sources(config, data)
    settings = brink.settings.model_copy(update={"state_dir": home / "state", "config_dir": config})
    folders = replace(brink.folders, snapshots=settings.snapshots_dir,
                     staging=settings.staging_dir)  # fmt: skip
    engine = make_engine(f"sqlite:///{home / 'state.db'}")
    shop = replace(brink, settings=settings, folders=folders, engine=engine,
                   policies=load_policies(config, brink.folders.templates))  # fmt: skip
    use_application(monkeypatch, shop)
    with suppress(GateTrippedError, SourceError):
        run_night(NIGHT)
    found = adverse_on(shop, NIGHT)
    engine.dispose()
    return found


def adverse_on(shop: Application, day: date) -> tuple[int, int]:
    with reading(shop.engine) as session:
        actions = session.scalar(
            select(func.count())
            .select_from(Action)
            .where(Action.proposed_on == day, Action.stage.in_(sorted(ADVERSE_STAGES)))
        )
        stages = session.scalar(
            select(func.count())
            .select_from(CaseEvent)
            .where(CaseEvent.happened_on == day, CaseEvent.to_stage.in_(sorted(ADVERSE_STAGES)))
        )
    return actions or 0, stages or 0


def faulted(data: Path, folder: Path, table: str, fault: Fault) -> Path:
    """A copy of a company's data in which one table is wrong."""
    folder.mkdir()
    for source in data.iterdir():
        if source.name != table:
            (folder / source.name).symlink_to(source)
    parts = [pq.read_table(path, partitioning=None) for path in sorted((data / table).iterdir())]
    wrong: Any = fault(table, pa.concat_tables(parts))
    if wrong is not None:
        (folder / table).mkdir()
        pq.write_table(wrong, folder / table / "all.parquet")
    return folder


@pytest.mark.gate
def test_a_good_night_would_have_made_offers(
    night: Callable[[Path], tuple[int, int]], company_data: Path
) -> None:
    actions, stages = night(company_data)
    assert actions > 10
    assert stages > 10


@pytest.fixture(scope="module")
def usual(
    brink: Application, company_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[int, int]:
    """What the night does with the data as it is."""
    with pytest.MonkeyPatch.context() as patch:
        return night_on(brink, tmp_path_factory.mktemp("usual"), patch, company_data)


def _cases() -> Iterator[ParameterSet]:
    """Every table in every way; every day each table in two ways, and each way for some table."""
    for row, table in enumerate(TABLES):
        for column, fault in enumerate(FAULTS):
            daily = (column - row) % len(FAULTS) in (0, 3)
            yield pytest.param(table, fault, marks=() if daily else pytest.mark.gate)


@pytest.mark.parametrize(("table", "fault"), list(_cases()))
def test_bad_data_worsens_nobodys_position(
    table: str,
    fault: str,
    night: Callable[[Path], tuple[int, int]],
    usual: tuple[int, int],
    company_data: Path,
    tmp_path: Path,
) -> None:
    data = faulted(company_data, tmp_path / "data", table, FAULTS[fault])
    found = night(data)
    if (table, fault) in UNCHANGED:
        assert found == usual
    else:
        assert found == (0, 0)
