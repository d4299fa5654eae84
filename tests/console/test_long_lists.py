"""Lists that end at a limit say so, and one's own are never lost behind other people's."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import select
from starlette.applications import Starlette

from retention.db.models.work.actions import Action
from retention.db.models.work.messages import Message
from retention.db.session import writing
from retention.snapshots import store as snapshots
from retention.web.console import customer, operations, outbox, queue
from tests.factories.commands import retention
from tests.factories.consoles import ConsoleWorld, signed_in

ONLY = "Only the first {n} are shown."


def test_who_looks_at_the_outbox_sees_their_own_however_much_others_have(
    world: ConsoleWorld, app: Starlette, monkeypatch: pytest.MonkeyPatch
) -> None:
    for room in (operations, outbox):
        monkeypatch.setattr(room, "_MANY", 2)
    with writing(world.shop.engine) as session:
        sent = session.scalars(select(Message).where(Message.state == "sent")).all()
        newest = max(sent, key=lambda message: message.not_before)
        mine = min(sent, key=lambda message: message.not_before)
        assert newest is not mine
        session.get_one(Action, mine.action_id).owner = "james"
        mine_id = mine.action_id
    page = signed_in(app, "james").get("/outbox?state=sent").text
    assert f"/queue/{mine_id}" in page
    assert ONLY.format(n=2) not in page
    hers = signed_in(app, "marta").get("/outbox?state=sent").text
    assert f"/queue/{mine_id}" not in hers
    assert ONLY.format(n=2) in hers


def test_a_search_counts_all_whom_it_finds_and_says_how_many_are_shown(
    app: Starlette, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(customer, "_SHOWN", 3)
    page = signed_in(app, "diana").get("/customers?q=customers.example").text
    assert "20 customers found" in page
    assert ONLY.format(n=3) in page
    assert page.count('<th scope="row">') == 3


def test_whoever_has_no_account_manager_of_the_team_is_found_by_the_default_one(
    world: ConsoleWorld, app: Starlette
) -> None:
    path = snapshots.files(world.shop.folders.snapshots, world.today, snapshots.PEOPLE)[0]
    table = pq.read_table(path)
    named = ["gone" if i == 0 else None if i == 1 else "james" for i in range(table.num_rows)]
    at = table.schema.get_field_index("account_manager")
    table = table.set_column(at, "account_manager", pa.array(named, pa.string()))
    path.unlink()  # a second name of a file that other worlds have, too
    pq.write_table(table, path)
    default = world.shop.policies.team.default_account_manager
    assert default == "marta"
    page = signed_in(app, default).get("/customers?q=customers.example").text
    assert "2 customers found" in page
    assert (
        "18 customers found" in signed_in(app, "james").get("/customers?q=customers.example").text
    )


def test_a_search_in_the_queue_says_when_it_does_not_look_at_everybody(
    app: Starlette, monkeypatch: pytest.MonkeyPatch
) -> None:
    diana = signed_in(app, "diana")
    said = "customers found are looked at"
    assert said not in diana.get("/queue?view=all&q=customers.example").text
    monkeypatch.setattr(queue, "_MOST_FOUND", 3)
    assert said in diana.get("/queue?view=all&q=customers.example").text


def test_lists_on_the_command_line_say_that_they_end_at_their_limit(world: ConsoleWorld) -> None:
    settings = world.shop.settings
    env = {"RETENTION_STATE_DIR": str(settings.state_dir),
           "RETENTION_CONFIG_DIR": str(settings.config_dir),
           "RETENTION_DATABASE_URL": str(world.shop.engine.url)}  # fmt: skip
    for command in (("queue", "list"), ("outbox", "list", "--state", "sent"), ("audit", "show")):
        short = retention(*command, "--limit", "2", cwd=world.home, env=env)
        assert short.returncode == 0, short.stderr
        assert "Only the first 2 are shown; --limit shows more." in short.stderr + short.stdout
        whole = retention(*command, "--limit", "5000", cwd=world.home, env=env)
        assert "Only the first" not in whole.stderr + whole.stdout
