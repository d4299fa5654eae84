"""Deliver real messages beside smtplib and django-post_office, all to one sink, in one run.

    python -m benchmarks.delivery --messages 5000

Ours is everything: render each message with its letterhead, queue it, claim, ask, record the point
of no return, send, record the reply and the audit. smtplib has ready-made bytes and one connection.
django-post_office renders and queues, then sends what it has queued. The sink is Postfix's
smtp-sink; it runs in a process of its own and takes everything.
"""

import argparse
import json
import os
import shutil
import smtplib
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import insert, select
from sqlalchemy.orm import Session, selectinload

from retention.actions import proposing
from retention.actions.proposing import Work
from retention.bootstrap import Application, build_application
from retention.clock import travel
from retention.db import schema
from retention.db.models.work.actions import Rendering
from retention.db.models.work.cases import Case, PlaybookVersion
from retention.db.models.work.messages import Message
from retention.db.session import reading, writing
from retention.delivery import selection as rounds
from retention.delivery.mail_server import MailServer
from retention.delivery.worker import PostOffice
from retention.domain.cases import CaseState
from retention.domain.dates import WEEKDAYS
from retention.domain.messages import MessageState
from retention.domain.playbook import Playbook
from retention.domain.sending import Pace
from retention.domain.stages import PlaybookName, Stage
from retention.messages.terms import Terms
from retention.safeguards import preferences
from retention.settings import Settings

ROOT = Path(__file__).parent.parent
AS_OF = date(2026, 6, 1)
NOON = datetime(2026, 6, 2, 12, tzinfo=ZoneInfo("Europe/Madrid"))
SINK = shutil.which("smtp-sink") or "/usr/sbin/smtp-sink"
CHUNK = 500
LINES = 16
FAST = 100_000.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    found: dict[str, list[float]] = {"ours": [], "smtplib": [], "django-post_office": []}
    steps: dict[str, list[float]] = {"render and queue": [], "deliver": []}
    with sink() as port, tempfile.TemporaryDirectory() as scratch:
        for number in range(given.rounds):
            shop = make_shop(Path(scratch) / str(number), port)
            wrote = timed(lambda: propose(shop, given.messages))  # noqa: B023 - used at once
            sent = timed(lambda: deliver(shop, given.messages))  # noqa: B023
            steps["render and queue"].append(wrote)
            steps["deliver"].append(sent)
            found["ours"].append(wrote + sent)
            ready = ready_made(shop)
            found["smtplib"].append(timed(lambda: bare(ready, port)))  # noqa: B023
            shop.engine.dispose()
            found["django-post_office"].append(peer(given.messages, port))
    print(json.dumps(report(found, steps, given.messages), indent=1))


def report(
    found: dict[str, list[float]], steps: dict[str, list[float]], count: int
) -> dict[str, Any]:
    rates = {name: round(count / statistics.median(took)) for name, took in found.items()}
    return {
        "messages": count,
        "messages per second": rates,
        "seconds of ours": {n: round(statistics.median(t), 2) for n, t in steps.items()},
        "of smtplib's rate": round(rates["ours"] / rates["smtplib"], 2),
        "times django-post_office's": round(rates["ours"] / rates["django-post_office"], 1),
        "delivering alone, of smtplib's": round(
            statistics.median(found["smtplib"]) / statistics.median(steps["deliver"]), 2
        ),
    }


@contextmanager
def sink() -> Iterator[int]:
    """Postfix's smtp-sink on loopback; yields its port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    who = ["-u", "nobody"] if os.getuid() == 0 else []
    process = subprocess.Popen([SINK, *who, f"127.0.0.1:{port}", "100"])
    try:
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.02)
        yield port
    finally:
        process.terminate()
        process.wait()


def make_shop(home: Path, port: int) -> Application:
    config = shutil.copytree(ROOT / "config", home / "config")
    settings = Settings(
        _env_file=None, config_dir=config, state_dir=home / "state",
        templates_dir=ROOT / "templates", secret_key="a key",  # noqa: S106 - of a benchmark
    )  # fmt: skip
    shop = build_application(settings)
    schema.upgrade(shop.engine)
    pace = Pace(FAST, FAST, LINES, 1_000_000)
    sending = replace(shop.policies.sending, pace=pace, daily_quota=10_000_000)
    policies = replace(
        shop.policies, sending=sending,
        canary=shop.policies.canary.model_copy(update={"above": 10_000_000}),
    )  # fmt: skip
    mail = MailServer("127.0.0.1", port, "plain", timeout=30)
    return replace(shop, policies=policies, mail=mail)


def propose(shop: Application, count: int) -> None:
    """Render and queue messages, as a night does."""
    book = shop.policies.playbooks[PlaybookName.RESTORE]
    step = next(s for s in book.rule(Stage.EDUCATE).steps if s.template == "education")
    manager = shop.policies.team.get("marta")
    for start in range(0, count, CHUNK):
        with writing(shop.engine) as session:
            preferences.read_all(session)
            for case in open_cases(session, book, start, min(CHUNK, count - start)):
                row = row_of(case.customer_id)
                work = Work(row, manager, shop.sender, WEEKDAYS, AS_OF)
                proposing.propose(session, case, 0, step, Terms(), work)


def open_cases(session: Session, book: Playbook, start: int, count: int) -> list[Case]:
    if start == 0:
        session.execute(
            insert(PlaybookVersion),
            [{"version": book.version, "playbook": book.name, "document": book.document,
              "first_used_on": AS_OF}],
        )  # fmt: skip
    ids = [f"case-{n:07d}" for n in range(start, start + count)]
    session.execute(
        insert(Case),
        [{"id": i, "customer_id": f"C{i[5:]}", "playbook": book.name, "version": book.version,
          "state": CaseState.OPEN, "stage": Stage.EDUCATE, "stage_entered_on": AS_OF,
          "opened_on": AS_OF} for i in ids],
    )  # fmt: skip
    query = select(Case).where(Case.id.in_(ids)).options(selectinload(Case.actions))
    return list(session.scalars(query))


def row_of(customer_id: str) -> dict[str, Any]:
    return {
        "customer_id": customer_id, "name": f"Ana Peña {customer_id}",
        "email": f"{customer_id.lower()}@customers.example", "language": "es", "country": "ES",
        "region": None, "timezone": "Europe/Madrid", "kind": "b2c", "account_manager": "marta",
        "overdue_amount": Decimal("120.50"), "tickets_12m": 14, "top_topic": "billing",
        "usage_change": -0.1,
    }  # fmt: skip


def deliver(shop: Application, count: int) -> None:
    """One round of the delivery flow, as its task does it."""
    with travel(NOON):
        with writing(shop.engine) as session:
            zone = shop.settings.timezone
            found = rounds.gather(session, NOON, count, shop.policies, zone)
        settings = shop.settings
        with PostOffice(
            shop.engine,
            shop.mail,
            shop.policies,
            settings.timezone,
            settings.stop_file,
            settings.templates_dir,
        ) as office:
            states = office.send_all(found.ids)
    assert states["sent"] == count, states
    with reading(shop.engine) as session:
        assert set(session.scalars(select(Message.state))) == {MessageState.SENT}


def ready_made(shop: Application) -> list[tuple[str, str, bytes]]:
    with reading(shop.engine) as session:
        query = select(Rendering.sender, Rendering.recipient, Rendering.raw)
        return [(row.sender, row.recipient, row.raw) for row in session.execute(query)]


def bare(messages: list[tuple[str, str, bytes]], port: int) -> None:
    """The bound: ready-made bytes, one connection, nothing written down."""
    with smtplib.SMTP("127.0.0.1", port) as server:
        for sender, recipient, raw in messages:
            server.sendmail(sender, recipient, raw)


def peer(count: int, port: int) -> float:
    """Seconds that django-post_office takes, in a process of its own."""
    with tempfile.TemporaryDirectory() as scratch:
        said = subprocess.run(
            [sys.executable, "-m", "benchmarks.post_office", str(count), str(port), scratch],
            cwd=ROOT, capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
    return float(said.strip().splitlines()[-1])


def timed(work: Any) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
