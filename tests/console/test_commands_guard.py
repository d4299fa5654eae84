"""Who may do what on the command line, as a table: on work of marta's, as in the console."""

import shutil
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import typer
from sqlalchemy import select
from typer.main import get_command

from retention import bootstrap, settings
from retention.audit.fingerprint import fingerprint
from retention.cli.app import app as commands
from retention.cli.errors import as_known
from retention.clock import travel
from retention.db.models.exemptions import Waiver
from retention.db.models.work.messages import Message
from retention.db.session import reading, writing
from retention.domain.errors import NotAllowedError
from retention.domain.limits import BatchState, OverCap
from retention.domain.messages import MessageState
from retention.ladder import held_batches
from tests.conftest import ROOT
from tests.factories.consoles import ConsoleWorld

GOLDEN = ROOT / "tests" / "golden" / "command_access.txt"
PEOPLE = ("marta", "james", "fran", "diana", "olga")
WHY = ("--reason", "a reason that is long enough")
HOLD = ("--reason", "negotiating", "--until", "{tomorrow}")
DAYS = ("--from", "2026-09-01", "--until", "2026-09-30")

# What is done before, by whom: then the command has something to do.
BEFORE: dict[str, list[tuple[str, ...]]] = {
    "queue take-back": [("queue", "approve", "{offer}", "--as", "marta")],
    "outbox hold": [("queue", "approve", "{offer}", "--as", "marta")],
    "outbox cancel": [("queue", "approve", "{offer}", "--as", "marta")],
    "outbox release": [
        ("queue", "approve", "{offer}", "--as", "marta"),
        ("outbox", "hold", "{offer}", "--as", "marta", *WHY),
    ],
    "hold release": [("hold", "place", "C00", "--as", "marta", *HOLD)],
    "waiver grant": [("waiver", "ask", "C00", "--stage", "renegotiate", "--as", "marta", *WHY)],
    "waiver refuse": [("waiver", "ask", "C00", "--stage", "renegotiate", "--as", "marta", *WHY)],
    "team revoke": [("team", "delegate", "--as", "marta", "--to", "james", *DAYS, *WHY)],
}
ARGUMENTS: dict[str, tuple[str, ...]] = {
    "queue show": ("{offer}",),
    "queue approve": ("{offer}",),
    "queue reject": ("{offer}", *WHY),
    "queue take-back": ("{offer}",),
    "queue edit": ("{offer}", "--part", "opening=Good morning."),
    "queue milder": ("{notice}", "--to", "renegotiate", *WHY),
    "queue complete": ("{talk}", "--outcome", "talked", "--answer", "alternative=norte"),
    "queue reassign": ("{offer}", "--to", "james"),
    "queue snooze": ("{offer}", "--until", "{tomorrow}"),
    "queue comment": ("{offer}", "--text", "we talked about it"),
    "queue agree": ("{talk}", "--at", "{monday} 10:30"),
    "queue log-call": ("C00", "--said", "they are content"),
    "outbox settle": ("{sent}", "--outcome", "sent", *WHY),
    "outbox retry": ("{sent}", *WHY),
    "outbox end-links": ("{sent}", *WHY),
    "outbox hold": ("{offer}", *WHY),
    "outbox release": ("{offer}",),
    "outbox cancel": ("{offer}", *WHY),
    "gate accept": ("tickets", *WHY),
    "hold place": ("C00", *HOLD),
    "hold release": ("1",),
    "address release": ("nobody@customers.example", *WHY),
    "offer answer": ("{offer}", "decline"),
    "offer revise": ("{offer}", "--fee", "51.00"),
    "handover offer": ("C00", "--to", "norte"),
    "handover move": ("none", "consented"),
    "waiver ask": ("C00", "--stage", "renegotiate", *WHY),
    "waiver grant": ("{waiver}",),
    "waiver refuse": ("{waiver}",),
    "batch release": ("{batch}", *WHY),
    "batch refuse": ("{batch}", *WHY),
    "team delegate": ("--to", "james", *DAYS, *WHY),
    "team revoke": ("1",),
    "ops stop": ("all", *WHY),
    "ops start": ("all", *WHY),
    "audit export": ("C00", *WHY),
    "audit erase": ("C00", *WHY),
    "webhook replay": ("none", "billing"),
}


def of_people() -> Iterator[str]:
    """Every command that is done as somebody."""

    def walk(command: typer.core.TyperCommand, path: tuple[str, ...]) -> Iterator[str]:
        context = typer.Context(command)
        names = command.list_commands(context) if hasattr(command, "list_commands") else []
        for name in names:
            yield from walk(command.get_command(context, name), (*path, name))  # type: ignore[attr-defined]
        if not names and any("--as" in one.opts for one in command.params):
            yield " ".join(path)

    return walk(get_command(commands), ())  # type: ignore[arg-type]


class Door:
    """The command line over a world; what one command did is undone before the next."""

    def __init__(self, world: ConsoleWorld, monkeypatch: pytest.MonkeyPatch) -> None:
        self.world, self.patch = world, monkeypatch
        monkeypatch.setattr(bootstrap, "get_application", lambda: world.shop)
        monkeypatch.setattr(settings, "get_settings", lambda: world.shop.settings)
        self.file = Path(str(world.shop.engine.url.database))
        with writing(world.shop.engine) as session:
            over = OverCap("educate", 3, 2)
            held_batches.hold(session, over, ["C00", "C01", "C02"], world.today, world.now)
        self.keep("begin.db")

    def keep(self, name: str) -> None:
        self.world.shop.engine.dispose()
        shutil.copy(self.file, self.file.with_name(name))

    def go_back_to(self, name: str) -> None:
        self.world.shop.engine.dispose()
        shutil.copy(self.file.with_name(name), self.file)

    def state(self) -> str:
        with reading(self.world.shop.engine) as session:
            return fingerprint(session)

    def run(self, *arguments: str) -> str:
        """Run a command; say whether it was done, refused to this person, or to everybody."""
        self.patch.setattr(sys, "argv", ["retention", *arguments])
        try:
            with travel(self.world.now):
                get_command(commands).main(list(arguments), standalone_mode=False)
        except Exception as error:
            known = as_known(error)
            if known is None:
                raise
            if not isinstance(known, NotAllowedError):
                return type(known).__name__
            theirs = f"'{arguments[-1]}'" in known.found or "your accounts" in known.found
            return "refused" if theirs else "not now"
        return "done"

    def ids(self) -> dict[str, str]:
        world = self.world
        with reading(world.shop.engine) as session:
            sent = select(Message.action_id).where(Message.state == MessageState.SENT).limit(1)
            held = [b.id for b in held_batches.list_open(session) if b.state is BatchState.HELD]
            waiver = session.scalars(select(Waiver.id)).first()
            return {
                "offer": world.waiting("renegotiation_proposal"),
                "notice": world.waiting("termination_notice"),
                "talk": world.waiting("conversation"),
                "sent": str(session.scalar(sent)),
                "batch": str(held[0]),
                "waiver": str(waiver),
                "monday": f"{world.now.date() + timedelta(days=7 - world.now.weekday())}",
                "tomorrow": f"{world.now.date() + timedelta(days=1)}",
            }


def table(door: Door) -> Iterator[str]:
    for command in sorted(ARGUMENTS):
        first = door.ids()
        for before in BEFORE.get(command, []):
            assert door.run(*(part.format(**first) for part in before)) == "done", before
        ids = first | {"waiver": door.ids()["waiver"]}
        door.keep("ready.db")
        was, cells = door.state(), []
        for who in PEOPLE:
            given = [part.format(**ids) for part in ARGUMENTS[command]]
            came = door.run(*command.split(), *given, "--as", who)
            if came != "done":
                assert door.state() == was, f"{command} as {who}: {came}, and changed something"
            cells.append(f"{who} {came}")
            door.go_back_to("ready.db")
        door.go_back_to("begin.db")
        yield f"{command}: {', '.join(cells)}"


def test_no_command_of_people_is_missing_from_the_table() -> None:
    assert set(of_people()) == set(ARGUMENTS)


def test_who_may_do_what_is_as_it_was_agreed(
    world: ConsoleWorld, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """On work of marta's, and on what belongs to nobody."""
    found = "\n".join(table(Door(world, monkeypatch))) + "\n"
    if request.config.getoption("--write-golden"):
        GOLDEN.write_text(found, "utf-8")
    assert found == GOLDEN.read_text("utf-8")
