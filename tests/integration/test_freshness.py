"""Just before something adverse leaves, the company's own data is asked once more."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest
from sqlalchemy import update

from retention.bootstrap import Application
from retention.db.models import Action, Message
from retention.db.session import reading, writing
from retention.domain.actions import ActionState
from retention.domain.messages import MessageState
from retention.domain.stages import Stage
from retention.sources.config import Database, load_sources
from retention.sources.recent import look_since
from tests.conftest import NIGHT, PostgresDatabases, use_application, write_sources
from tests.factories.outboxes import approve, deliver, message_of, one_proposal, state_of
from tests.factories.servers import ScriptedServer


@pytest.fixture
def today(
    queued: Application, company_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Application, Path]]:
    """A shop with a notice ready to leave, and the company's data as it is this morning."""
    data = shutil.copytree(company_data, tmp_path / "today")
    for later in data.glob("*/2026-06-*"):
        later.unlink()  # the demo company goes on for a day after the night
    config = shutil.copytree(queued.policies.home, tmp_path / "today-config")
    write_sources(config, data)
    sources = load_sources(config / "sources.yaml")
    shop = replace(queued, policies=replace(queued.policies, sources=sources, home=config))
    use_application(monkeypatch, shop)
    with writing(shop.engine) as session:
        session.execute(update(Message).values(state=MessageState.CANCELLED))
    return (yield shop, data)


def ready_notice(shop: Application) -> str:
    notice = one_proposal(shop, Stage.TERMINATE)
    approve(shop, notice, "marta")
    approve(shop, notice, "diana")
    return notice


def customer_of(shop: Application, action_id: str) -> str:
    with reading(shop.engine) as session:
        return session.get_one(Action, action_id).customer_id


def add_row(data: Path, table: str, **values: object) -> None:
    """Add a row to one of the company's tables, as one more file."""
    folder = data / table
    names = ", ".join(f"? AS {name}" for name in values)
    with duckdb.connect() as db:
        db.execute(
            f"COPY (SELECT * FROM (SELECT * FROM read_parquet('{folder}/*.parquet') LIMIT 0) "
            f"UNION ALL BY NAME SELECT {names}) TO '{folder}/today.parquet' (FORMAT parquet)",
            list(values.values()),
        )


def test_who_has_paid_since_gets_no_notice(
    today: tuple[Application, Path], server: ScriptedServer
) -> None:
    shop, data = today
    notice = ready_notice(shop)
    add_row(data, "payments", customer_id=customer_of(shop, notice),
            paid_on=NIGHT + timedelta(days=1), amount=50.0)  # fmt: skip
    assert deliver() == {"cancelled": 1}
    assert server.accepted == []
    assert state_of(shop, notice) is ActionState.CANCELLED
    assert "has paid since" in (message_of(shop, notice).last_text or "")


def test_who_has_complained_since_gets_nothing_that_is_guarded(
    today: tuple[Application, Path], server: ScriptedServer
) -> None:
    shop, data = today
    notice = ready_notice(shop)
    add_row(data, "tickets", ticket_id="T-new", customer_id=customer_of(shop, notice),
            opened_at=NIGHT + timedelta(days=1), complaint=True)  # fmt: skip
    assert deliver() == {"cancelled": 1}
    assert server.accepted == []


def test_what_was_known_that_night_changes_nothing(
    today: tuple[Application, Path], server: ScriptedServer
) -> None:
    shop, data = today
    notice = ready_notice(shop)
    add_row(data, "payments", customer_id=customer_of(shop, notice), paid_on=NIGHT, amount=50.0)
    assert deliver() == {"sent": 1}
    assert len(server.accepted) == 1


@pytest.mark.parametrize("fault", ["gone", "half"])
def test_when_nobody_can_tell_the_notice_waits_and_the_rest_leaves(
    today: tuple[Application, Path], server: ScriptedServer, fault: str
) -> None:
    shop, data = today
    notice = ready_notice(shop)
    with writing(shop.engine) as session:
        others = update(Message).where(Message.action_id != notice)
        session.execute(others.values(state=MessageState.QUEUED))
        session.execute(
            update(Action)
            .where(Action.id != notice, Action.state == ActionState.DONE)
            .values(state=ActionState.APPROVED)
        )
    if fault == "gone":
        shutil.rmtree(data)
    else:
        file = next((data / "payments").glob("*.parquet"))
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    states = deliver()
    assert states["stopped"] == 1
    assert states["sent"] > 10
    found = message_of(shop, notice)
    assert (found.state, found.waiting_for) == (MessageState.QUEUED, "company_data_unreadable")


def test_a_database_is_asked_for_its_newest_rows_only(
    postgres: PostgresDatabases, tmp_path: Path
) -> None:
    from sqlalchemy import create_engine, text

    url = postgres.make("retention_recent")
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE paid (who text, day date, amount numeric)"))
        connection.execute(
            text("INSERT INTO paid VALUES ('C1', '2026-06-02', 5), ('C1', '2027-01-01', 5), "
                 "('C2', '2026-05-30', 5), ('C3', '2026-06-02', -5)")
        )  # fmt: skip
    engine.dispose()
    (tmp_path / "sources.yaml").write_text(
        f"""
connections:
  billing: {{kind: postgresql, url: "{url}"}}
tables:
  customers: {{connection: billing, query: "SELECT 'C1' AS customer_id, 'x' AS name"}}
  payments: {{connection: billing, table: paid, columns: {{customer_id: who, paid_on: day}}}}
""",
        "utf-8",
    )
    config = load_sources(tmp_path / "sources.yaml")
    assert isinstance(config.connections["billing"], Database)
    found = look_since(config, tmp_path, {}, "Europe/Madrid", (NIGHT, NIGHT + timedelta(days=2)),
                       {"C1", "C2", "C3"})  # fmt: skip
    assert {c: d.isoformat() for c, d in found.paid_on.items()} == {"C1": "2026-06-02"}
    assert found.complained_on == {}
