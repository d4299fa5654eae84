"""The story that `retention demo` tells, in chapters."""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import yaml
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from retention import bootstrap as workshop
from retention.audit.fingerprint import fingerprint
from retention.cli.console import make_link
from retention.clock import travel
from retention.db.session import reading
from retention.demo.catcher import MARK, MailCatcher
from retention.demo.simulation import new_simulation
from retention.demo.writers import ParquetWriter
from retention.domain.dates import months_before
from retention.domain.errors import ConfigError
from retention.environment import environment, keep_prefect_quiet, knows_a_server, set_environment
from retention.play.company import DemoCompany, morning_of
from retention.scheduling.processes import Watched, free_port
from retention.settings import shipped
from retention.terminal import make_console

_PLAYED_MONTHS = 7
_DAYS_BETWEEN_NIGHTS = 7
_LEFT_OUT = frozenset({6, 8, 10})  # by then everybody is being educated: little happens
_QUIET_DAYS = 15
_SAID_EVERY = 5


def tell(home: Path, *, size: int, seed: int, until: date) -> dict[str, Any]:
    """Play the whole demo into `home`; return what happened, without personal data."""
    console = make_console(stderr=True)
    _prepare(home)
    _introduce(home, size, until)
    with MailCatcher(home / "mail") as catcher, _prefect(home / "state" / "prefect") as ready:
        point_at(home, catcher.port)
        company = _make_company(home, size, seed, until)
        _play(company, until)
        console.rule("[bold]What the past teaches")
        ready()
        company.learn_from_the_past(until - timedelta(days=1))
        console.rule("[bold]Tonight, through Prefect")
        night = company.night_through_prefect(until)
        company.show_tonight(night)
        console.rule("[bold]People approve, each in their role")
        approved = company.approve_tonight(until)
        delivered = company.deliver_through_prefect(until)
        console.rule("[bold]The same night again")
        unchanged = _again(company, until)
        pages = company.write_report(until, home)
        _give_time_to_undo(home / "config" / "sending.yaml")
        _where_to_look(home, catcher.caught, pages, company)
    return {
        "as_of": until.isoformat(),
        "night": night,
        "approved": approved,
        "delivered": delivered,
        "messages_kept": catcher.caught,
        "second_night_changed_nothing": unchanged,
    }


def _introduce(home: Path, size: int, until: date) -> None:
    """Say what is about to happen; a first screen is read by people who know nothing yet."""
    console = make_console(stderr=True)
    console.rule("[bold]A company, seven months, one night")
    console.print(
        f"{size:,} customers and two years of their invoices, payments, tickets and use are made "
        "up. Then seven months are played, mostly a night a week: customers are scored, people "
        "decide, what they approve is sent to a mail catcher on this machine, customers answer. "
        f"The last night is {until}, through Prefect. It takes a minute or two; everything stays "
        f"in [bold]{home}[/].",
    )


@contextmanager
def _prefect(home: Path) -> Iterator[Callable[[], None]]:
    """Start a Prefect server while the months are played; yield what waits until it answers.

    The server that PREFECT_API_URL names is used instead, if there is one.
    """
    keep_prefect_quiet(home)
    if knows_a_server():
        yield lambda: None
        return
    port = free_port()
    api = f"http://127.0.0.1:{port}/api"
    set_environment({"PREFECT_API_URL": api})
    start = ("server", "start", "--host", "127.0.0.1", "--port", str(port))
    with Watched("server", *start, env=environment(), chatty=False) as server:
        yield lambda: server.wait_for(f"{api}/health")


def _prepare(home: Path) -> None:
    """Start from an empty folder, but never empty one that is not ours."""
    if home.exists() and any(home.iterdir()):
        if not (home / MARK).exists():
            raise ConfigError(str(home), "is not empty and not a demo", "Choose another --home.")
        shutil.rmtree(home)
    home.mkdir(parents=True, exist_ok=True)
    (home / MARK).touch()
    shutil.copytree(shipped("config"), home / "config")


def point_at(home: Path, port: int) -> None:
    """Point this process, and later commands in `home`, at the demo's folders and mail catcher."""
    (home / "config" / "sources.yaml").write_text(
        "# The demo company's files are named like the canonical tables: nothing to map.\n"
        "connections:\n  demo: {kind: files, path: ../data}\n",
        encoding="utf-8",
    )
    _quicken(home / "config" / "sending.yaml")
    brand = home / "config" / "brand.yaml"
    brand.write_text(brand.read_text("utf-8").replace('tax_id: ""', 'tax_id: "B00000000"'), "utf-8")
    values = {
        "RETENTION_STATE_DIR": str((home / "state").resolve()),
        "RETENTION_CONFIG_DIR": str((home / "config").resolve()),
        "RETENTION_MAIL_HOST": "127.0.0.1",
        "RETENTION_MAIL_PORT": str(port),
        "RETENTION_MAIL_SECURITY": "plain",
        "RETENTION_MAIL_POSTAL_ADDRESS": "Example Company, Calle Mayor 1, 28013 Madrid",
        "RETENTION_PUBLIC_URL": "http://127.0.0.1:8321",
    }
    lines = [f"{name}={json.dumps(value)}" for name, value in values.items()]
    (home / ".env").write_text("\n".join(lines) + "\n", encoding="utf-8")
    set_environment(values)
    workshop.reset()


def _quicken(sending: Path) -> None:
    """The demo's mail catcher takes whatever comes, as fast as it comes."""
    document = yaml.safe_load(sending.read_text("utf-8"))
    document["pace"] = {"per_second": 1000, "per_domain": 1000, "connections": 2}
    document["daily_quota"] = 100_000
    document["undo_minutes"] = 0
    head = "# As shipped, but for the pace and the quota: the mail catcher takes everything.\n"
    sending.write_text(head + yaml.safe_dump(document, sort_keys=False), "utf-8")


def _give_time_to_undo(sending: Path) -> None:
    """While the months were played nobody changed their mind; who opens the console may."""
    text = sending.read_text("utf-8")
    sending.write_text(text.replace("undo_minutes: 0", "undo_minutes: 10"), "utf-8")


def _make_company(home: Path, size: int, seed: int, until: date) -> DemoCompany:
    first_night = months_before(until.replace(day=1), _PLAYED_MONTHS - 1)
    simulation = new_simulation(seed, size, first_night)
    company = DemoCompany(simulation, ParquetWriter(home / "data"), workshop.get_application())
    make_console(stderr=True).print(f"Making {size:,} customers and two years of history ...")
    company.write_history()
    return company


def _play(company: DemoCompany, until: date) -> None:
    """Live through the months before: nights, approvals, deliveries, and customers' answers."""
    nights = list(_nights(company.simulation.through, until))
    console = make_console(stderr=True)
    columns = (TextColumn("Playing {task.fields[night]}"), BarColumn(), MofNCompleteColumn(),
               TextColumn("nights"), TimeElapsedColumn())  # fmt: skip
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=len(nights), night="")
        for number, as_of in enumerate(nights, 1):
            progress.update(task, night=as_of.isoformat())
            if not console.is_terminal and number % _SAID_EVERY == 1:
                console.print(f"Playing {as_of}: night {number} of {len(nights)}")
            with travel(morning_of(as_of)):
                company.live_one_week(as_of, people_work=as_of < until - timedelta(_QUIET_DAYS))
            progress.advance(task)


def _nights(first: date, until: date) -> Iterator[date]:
    """Yield a night a week before `until`; in the third month every other week."""
    weeks = (until - first).days // _DAYS_BETWEEN_NIGHTS
    for week in range(weeks):
        if week not in _LEFT_OUT:
            yield until - timedelta(days=_DAYS_BETWEEN_NIGHTS * (weeks - week))


def _again(company: DemoCompany, until: date) -> bool:
    engine = company.shop.engine
    with reading(engine) as session:
        before = fingerprint(session)
    company.night_through_prefect(until)
    with reading(engine) as session:
        unchanged = fingerprint(session) == before
    verdict = "nothing has changed" if unchanged else "[bold red]the database has changed[/]"
    make_console(stderr=True).print(f"Ran the night of {until} again: {verdict}.")
    return unchanged


def _where_to_look(home: Path, caught: int, pages: list[Path], company: DemoCompany) -> None:
    console = make_console(stderr=True)
    console.rule("[bold]Where to look")
    console.print(f"  {caught} messages as customers would get them: {home / 'mail'}")
    console.print(f"  the report: {', '.join(str(page) for page in pages)}", soft_wrap=True)
    console.print(f"  [bold]source .venv/bin/activate; cd {home}[/], and then:")
    for command in (
        "retention nights",
        "retention queue list --stage terminate",
        f"retention explain {company.interesting_customer()}",
    ):
        console.print(f"    {command}", soft_wrap=True)
    console.print("  [bold]make serve[/] works on from here: schedules run, mail is caught.")
    console.print(
        "  [bold]retention console[/] there opens the team's pages; each link signs in once:"
    )
    _show_people(company)
    page = newest_page(home / "mail", "offer")
    if page is not None:
        console.print("  What a customer opens from the mail above, while the console runs:")
        console.print(f"    {page}", soft_wrap=True)


def newest_page(mail: Path, purpose: str) -> str | None:
    """Return the address of a customer's page in the newest message that leads to one."""
    for file in sorted(mail.glob("*.eml"), reverse=True):
        message = message_from_bytes(file.read_bytes(), policy=policy.default)
        part = message.get_body(("plain",))
        found = re.search(
            rf"http\S+/c/{purpose}/[a-z2-7]{{52}}", part.get_content() if part else ""
        )
        if found:
            return found[0]
    return None


def _show_people(company: DemoCompany) -> None:
    console = make_console(stderr=True)
    for person in company.shop.policies.team.people.values():
        roles = ", ".join(role.replace("_", " ") for role in sorted(person.roles))
        console.print(f"    {person.name}, {roles}: {make_link(person.person_id, 'once')}",
                      soft_wrap=True)  # fmt: skip
