"""Just before something adverse leaves, the company's own data is asked once more."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest
from sqlalchemy import update

from retention.bootstrap import Application
from retention.db.models.work.actions import Action
from retention.db.models.work.messages import Message
from retention.db.queries import actions as queries
from retention.db.session import reading, writing
from retention.domain.actions import ActionKind, ActionState
from retention.domain.errors import NotAllowedError
from retention.domain.messages import MessageState
from retention.domain.stages import Stage
from retention.nights.printed_letters import look_before_printing
from retention.sources.config import load_sources
from tests.conftest import NIGHT, use_application, write_sources
from tests.factories.outboxes import (
    AFTERNOON,
    approve,
    deliver,
    message_of,
    one_proposal,
    owner,
    state_of,
)
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


def change(data: Path, table: str, sql: str) -> None:
    """Write a table anew, as `sql` makes it of `old`."""
    folder = data / table
    with duckdb.connect() as db:
        db.execute(f"CREATE TABLE old AS SELECT * FROM read_parquet('{folder}/*.parquet')")
        for file in folder.glob("*.parquet"):
            file.unlink()
        db.execute(f"COPY ({sql}) TO '{folder}/all.parquet' (FORMAT parquet)")


def mark(column: str, value: str) -> Callable[[Path, str], None]:
    """A change of the customer's own row."""
    return lambda data, customer: change(
        data,
        "customers",
        f"SELECT * REPLACE (CASE WHEN customer_id = '{customer}' THEN {value} ELSE {column} END "
        f"AS {column}) FROM old",
    )


def complain(day: date, closed: date | None = None) -> Callable[[Path, str], None]:
    return lambda data, customer: add_row(
        data, "tickets", ticket_id="T-new", customer_id=customer, opened_at=day, closed_at=closed,
        complaint=True,
    )  # fmt: skip


def dispute(data: Path, customer: str) -> None:
    newest = f"(SELECT max(issued_on) FROM old WHERE customer_id = '{customer}')"
    change(
        data,
        "invoices",
        "SELECT * REPLACE (CASE WHEN customer_id = "
        f"'{customer}' AND issued_on = {newest} THEN 'disputed' ELSE status END AS status) "
        "FROM old",
    )


def pay(day: date, payer: str | None = None) -> Callable[[Path, str], None]:
    """All that is open is paid: by the customer, or by somebody else for their invoices."""

    def paying(data: Path, customer: str) -> None:
        with duckdb.connect() as db:
            rows = db.execute(
                f"SELECT invoice_id, amount FROM read_parquet('{data}/invoices/*.parquet') "
                "WHERE customer_id = ? AND amount > 0 ORDER BY issued_on DESC LIMIT 24",
                [customer],
            ).fetchall()
        with duckdb.connect() as db:
            names = "invoice_id, customer_id, amount, paid_on"
            values = ", ".join(
                f"('{invoice}', '{payer or customer}', {amount}, DATE '{day}')"
                for invoice, amount in rows
            )
            empty = f"SELECT * FROM read_parquet('{data}/payments/*.parquet') LIMIT 0"
            db.execute(
                f"COPY (SELECT * FROM ({empty}) UNION ALL BY NAME SELECT * FROM (VALUES {values}) "
                f"AS new ({names})) TO '{data}/payments/today.parquet' (FORMAT parquet)"
            )

    return paying


def pay_a_new_bill(data: Path, customer: str) -> None:
    """Whoever pays what was billed since is paying."""
    add_row(data, "invoices", invoice_id="I-new", customer_id=customer, amount=40.0,
            issued_on=LATER, due_on=LATER + timedelta(days=30))  # fmt: skip
    add_row(data, "payments", customer_id=customer, invoice_id="I-new", amount=40.0,
            paid_on=LATER)  # fmt: skip


def turn(data: Path, customer: str) -> None:
    """Since a quarter of a year they ask for nothing, and what they buy costs nothing."""
    since = f"customer_id = '{customer}' AND {{}} > DATE '{NIGHT - timedelta(days=100)}'"
    change(data, "tickets", f"SELECT * FROM old WHERE NOT ({since.format('opened_at')})")
    change(data, "cost_events", f"SELECT * FROM old WHERE NOT ({since.format('occurred_on')})")
    free = f"CASE WHEN {since.format('issued_on')} THEN 0 ELSE direct_cost END AS direct_cost"
    change(data, "invoices", f"SELECT * REPLACE ({free}) FROM old")


def credit(data: Path, customer: str) -> None:
    add_row(data, "invoices", invoice_id="I-credit", customer_id=customer, amount=-1000.0,
            issued_on=NIGHT + timedelta(days=1), due_on=NIGHT + timedelta(days=1))  # fmt: skip


def cancel(day: date) -> Callable[[Path, str], None]:
    return lambda data, customer: change(
        data,
        "contracts",
        f"SELECT * REPLACE (CASE WHEN customer_id = '{customer}' THEN DATE '{day}' "
        "ELSE cancelled_on END AS cancelled_on) FROM old",
    )


LATER, BEFORE = NIGHT + timedelta(days=1), NIGHT - timedelta(days=3)
SPEAKS_AGAINST: dict[str, tuple[Callable[[Path, str], None], str]] = {
    "complained since": (complain(LATER), "open complaint"),
    "complained on the night's own date": (complain(NIGHT), "open complaint"),
    "complained before, told late": (complain(BEFORE), "open complaint"),
    "complained and was answered since": (complain(BEFORE, LATER), "has complained since"),
    "in dispute": (dispute, "an invoice is in dispute"),
    "vulnerable": (mark("vulnerable", "true"), "vulnerable by now"),
    "strategic": (mark("strategic", "true"), "strategic by now"),
    "left by themselves": (mark("status", "'Cancelled'"), "has left"),
    "cancelled their contract": (cancel(LATER), "has left"),
    "cancelled for a day to come": (cancel(NIGHT + timedelta(days=40)), "has cancelled"),
    "another address": (mark("email", "'new@customers.example'"), "another address by now"),
    "no address": (mark("email", "NULL"), "another address by now"),
    "paid since": (pay(LATER), "paid or credited since"),
    "paid before, told late": (pay(BEFORE), "paid or credited since"),
    "paid for by somebody else": (pay(LATER, payer="C0000001"), "paid or credited since"),
    "paid a bill of since": (pay_a_new_bill, "paid or credited since"),
    "credited": (credit, "paid or credited since"),
    "earns by now": (turn, "the last 90 days earn by now"),
}


@pytest.mark.parametrize("what", SPEAKS_AGAINST)
def test_what_the_night_did_not_know_takes_a_notice_back(
    today: tuple[Application, Path], server: ScriptedServer, what: str
) -> None:
    shop, data = today
    notice = ready_notice(shop)
    happen, reason = SPEAKS_AGAINST[what]
    happen(data, customer_of(shop, notice))
    assert deliver() == {"cancelled": 1}, message_of(shop, notice).waiting_for
    assert server.accepted == []
    assert state_of(shop, notice) is ActionState.CANCELLED
    assert reason in (message_of(shop, notice).last_text or "")


@pytest.mark.parametrize(
    "what",
    ["complained since", "in dispute", "vulnerable", "cancelled for a day to come", "paid since"],
)
def test_an_offer_is_taken_back_by_what_protects_and_not_by_a_payment(
    today: tuple[Application, Path], server: ScriptedServer, what: str
) -> None:
    shop, data = today
    offer = one_proposal(shop, Stage.RENEGOTIATE)
    approve(shop, offer, owner(shop, offer))
    happen, _ = SPEAKS_AGAINST[what]
    happen(data, customer_of(shop, offer))
    assert deliver() == ({"sent": 1} if what == "paid since" else {"cancelled": 1})


def test_what_was_known_that_night_changes_nothing(
    today: tuple[Application, Path], server: ScriptedServer
) -> None:
    shop, data = today
    notice = ready_notice(shop)
    customer = customer_of(shop, notice)
    add_row(data, "invoices", invoice_id="I-new", customer_id=customer, amount=40.0,
            issued_on=LATER, due_on=LATER + timedelta(days=30))  # fmt: skip
    add_row(data, "tickets", ticket_id="T-new", customer_id=customer, opened_at=LATER,
            complaint=False)  # fmt: skip
    assert deliver() == {"sent": 1}
    assert len(server.accepted) == 1


LESS = {
    "tickets deleted": ("tickets", "SELECT * FROM old LIMIT 0"),
    "tickets halved": ("tickets", "SELECT * FROM old WHERE hash(ticket_id) % 2 = 0"),
    "complaints empty": (
        "tickets",
        "SELECT * REPLACE (CAST(NULL AS BOOLEAN) AS complaint) FROM old",
    ),
    "no column": ("tickets", "SELECT * EXCLUDE complaint FROM old"),
    "payments deleted": ("payments", "SELECT * FROM old LIMIT 0"),
    "customers vanished": ("customers", "SELECT * FROM old WHERE hash(customer_id) % 9 > 0"),
}


@pytest.mark.parametrize("fault", LESS)
def test_from_less_data_nothing_is_concluded(
    today: tuple[Application, Path], server: ScriptedServer, fault: str
) -> None:
    shop, data = today
    notice = ready_notice(shop)
    table, sql = LESS[fault]
    change(data, table, sql)
    assert deliver() == {"stopped": 1}
    found = message_of(shop, notice)
    assert found.state is MessageState.QUEUED
    assert (found.waiting_for or "").startswith(f"company_data_in_doubt: {table}: ")
    assert server.accepted == []


@pytest.mark.parametrize(("allowed", "left"), [(0, {"stopped": 1}), (1, {"sent": 1})])
def test_a_table_that_has_become_too_old_since_the_night_says_nothing_any_more(
    today: tuple[Application, Path],
    server: ScriptedServer,
    monkeypatch: pytest.MonkeyPatch,
    allowed: int,
    left: dict[str, int],
) -> None:
    """Tickets up to that Sunday were new enough then; on Tuesday Monday's are missing."""
    shop, data = today
    tables = {table.name: f"file: {table.name}" for table in data.iterdir()}
    tables["tickets"] += f", max_age_days: {allowed}"
    file = shop.policies.home / "sources.yaml"
    with file.open("a", encoding="utf-8") as written:
        written.write("tables:\n" + "".join(f"  {n}: {{{how}}}\n" for n, how in tables.items()))
    policies = replace(shop.policies, sources=load_sources(file))
    use_application(monkeypatch, replace(shop, policies=policies))
    notice = ready_notice(shop)
    assert deliver() == left
    if allowed == 0:
        said = message_of(shop, notice).waiting_for or ""
        assert said.startswith("company_data_in_doubt: tickets: its newest row is of 2026-05-")
        assert "1 workday before 2026-06-01, at most 0 are allowed" in said


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
    assert found.state is MessageState.QUEUED
    assert (found.waiting_for or "").startswith("company_data_")


def approved_letter(shop: Application) -> str:
    notice = ready_notice(shop)
    with writing(shop.engine) as session:
        session.get_one(Action, notice).kind = ActionKind.LETTER
    return notice


def new_address(data: Path, customer: str) -> None:
    street = f"CASE WHEN customer_id = '{customer}' THEN 'Calle Nueva 1' END"
    change(data, "customers", f"SELECT *, {street} AS address FROM old")


@pytest.mark.parametrize(
    ("happen", "reason"),
    [
        (mark("vulnerable", "true"), "vulnerable by now"),
        (dispute, "an invoice is in dispute"),
        (pay(LATER), "paid or credited since"),
        (new_address, "another address by now"),
    ],
    ids=["vulnerable", "in dispute", "paid since", "moved"],
)
def test_a_letter_is_printed_only_while_today_s_data_says_nothing_against_it(
    today: tuple[Application, Path],
    happen: Callable[[Path, str], None],
    reason: str,
) -> None:
    """On the command line and in the console alike; until it is approved it may be looked at."""
    shop, data = today
    letter = approved_letter(shop)
    assert printed(shop, letter) is None
    happen(data, customer_of(shop, letter))
    assert reason in (printed(shop, letter) or "")


def printed(shop: Application, action_id: str) -> str | None:
    """Return why a letter may not be printed, or None."""
    with reading(shop.engine) as session:
        action = queries.get(session, action_id)
        try:
            look_before_printing(session, action, shop.policies, shop.folders, AFTERNOON)
        except NotAllowedError as error:
            return str(error)
    return None
