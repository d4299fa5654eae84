"""What is scheduled runs by itself: a real server, its worker, and nobody touching anything."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from http import HTTPStatus
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from prefect.settings import PREFECT_API_URL, temporary_settings

from retention.clock import utc_now
from retention.demo.data import write_company
from retention.scheduling import dead_starts
from retention.scheduling.declared import read_deployments
from retention.scheduling.health import ask
from retention.scheduling.server import connected
from tests.conftest import ROOT, SEED, copy_config
from tests.factories.commands import answer, run_command

DEPLOYMENTS = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))["deployments"]
MADRID = ZoneInfo("Europe/Madrid")
YESTERDAY = datetime.now(MADRID).date() - timedelta(days=1)


def until_the_clock_changes() -> int:
    """Days until summer time begins or ends, and one more."""
    today = datetime.now(MADRID)
    days = (
        n for n in range(1, 300) if (today + timedelta(days=n)).utcoffset() != today.utcoffset()
    )
    return next(days) + 1


NIGHTS = until_the_clock_changes()
FAR = {
    "PREFECT_SERVER_SERVICES_SCHEDULER_MAX_SCHEDULED_TIME": f"P{NIGHTS + 2}D",
    "PREFECT_SERVER_SERVICES_SCHEDULER_MAX_RUNS": str(NIGHTS),
    "PREFECT_SERVER_SERVICES_SCHEDULER_MIN_RUNS": str(NIGHTS),
}
A_MOMENT = threading.Event()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Served:
    """`retention serve` in a folder of its own, and what its Prefect server says."""

    def __init__(self, home: Path, config: Path) -> None:
        self.home, self.port = home, free_port()
        self.env = {
            "RETENTION_STATE_DIR": str(home / "state"),
            "RETENTION_CONFIG_DIR": str(config),
            "RETENTION_MAIL_SECURITY": "plain",
            "RETENTION_MAIL_PORT": "1",
        }

    @contextmanager
    def running(self) -> Iterator[list[str]]:
        """Serve while the block runs; yield what it says."""
        process = subprocess.Popen(
            [sys.executable, "-m", "retention", "serve", "--port", str(self.port)],
            cwd=self.home, env=self.variables(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        assert process.stderr is not None
        said: list[str] = []
        for line in process.stderr:
            said.append(line)
            if f"Prefect: http://127.0.0.1:{self.port}" in line:
                break
        else:
            raise AssertionError("".join(said))
        drain = threading.Thread(target=lambda: said.extend(process.stderr or ()), daemon=True)
        drain.start()
        try:
            yield said
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0, "".join(said)
            drain.join(10)
            process.stderr.close()

    def variables(self) -> dict[str, str]:
        """The environment of a user who has set nothing of Prefect."""
        ours = ("RETENTION_", "PREFECT")
        plain = {n: v for n, v in os.environ.items() if not n.startswith(ours)}
        return plain | self.env | FAR | {"NO_COLOR": "1", "COLUMNS": "120"}

    def ask(self, path: str, body: Any = None, method: str = "POST") -> Any:
        """One question to the server's API."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/api{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"}, method=method,
        )  # fmt: skip
        content = self._patiently(request)
        return json.loads(content) if content else None

    def health(self, now: datetime) -> dict[str, str | None]:
        """What the doctor would say of each deployment at a moment."""
        files = read_deployments(ROOT / "prefect.yaml")
        url = f"http://127.0.0.1:{self.port}/api"
        with temporary_settings({PREFECT_API_URL: url}), connected() as api:
            return {flow.name: flow.wrong for flow in ask(api, files, now).flows}

    def clear(self, silent_since: datetime, claimed_at: datetime) -> dict[str, bool]:
        """What the watch does about runs that died as they started: was each ordered again?"""
        url = f"http://127.0.0.1:{self.port}/api"
        with temporary_settings({PREFECT_API_URL: url}), connected() as api:
            found = dead_starts.clear(api, silent_since, claimed_at)
        return {run.name: run.again for run in found}

    def _patiently(self, request: urllib.request.Request) -> bytes:
        """A server whose database is busy says so, and is asked again."""
        for _ in range(30):
            try:
                with urllib.request.urlopen(request, timeout=30) as found:  # noqa: S310
                    return bytes(found.read())
            except urllib.error.HTTPError as error:
                if error.code != HTTPStatus.SERVICE_UNAVAILABLE:
                    raise
            A_MOMENT.wait(1)
        raise AssertionError(f"{request.full_url} is busy for half a minute")

    def deployment(self, name: str) -> Any:
        (found,) = self.ask("/deployments/filter", {"deployments": {"name": {"any_": [name]}}})
        return found

    def scheduled(self, name: str) -> list[Any]:
        """The future runs of a deployment, soonest first."""
        body: dict[str, Any] = {
            "deployments": {"name": {"any_": [name]}},
            "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}},
            "sort": "EXPECTED_START_TIME_ASC",
        }
        rows: list[Any] = []
        while len(page := self.ask("/flow_runs/filter", body | {"offset": len(rows)})) > 0:
            rows += page
        return rows

    def move(self, name: str, schedule: dict[str, Any]) -> None:
        """What a person does on the server's page: another time for a schedule."""
        found = self.deployment(name)
        slot = found["schedules"][0]
        change = {"schedule": schedule | {"timezone": "Europe/Madrid"}}
        self.ask(f"/deployments/{found['id']}/schedules/{slot['id']}", change, "PATCH")

    def next_minute(self, *names: str) -> list[str]:
        """Move schedules to the next minutes, one after the other; return the ids of their runs."""
        now = datetime.now(MADRID)
        at = now.replace(second=0, microsecond=0) + timedelta(minutes=2 if now.second < 20 else 3)
        times = {name: at + timedelta(minutes=n) for n, name in enumerate(names)}
        for name, moment in times.items():
            self.move(name, {"cron": f"{moment.minute} {moment.hour} * * *"})
        return [self._run_at(name, moment) for name, moment in times.items()]

    def _run_at(self, name: str, at: datetime) -> str:
        while datetime.now(MADRID) < at + timedelta(seconds=60):
            for run in self.scheduled(name):
                if datetime.fromisoformat(run["expected_start_time"]) == at:
                    return str(run["id"])
            A_MOMENT.wait(1)  # the server has other things to do than to answer us
        raise AssertionError(f"no run of {name} at {at}")

    def order(self, name: str, as_of: str) -> str:
        """Order a run of a deployment for a business date; return its id."""
        body = {"parameters": {"parameters": {"as_of": as_of}}}
        found = self.deployment(name)["id"]
        return str(self.ask(f"/deployments/{found}/create_flow_run", body)["id"])

    def watch(self, run_id: str) -> Any:
        """Wait, without touching it, until a run has ended; return it."""
        until = datetime.now(MADRID) + timedelta(seconds=300)
        while datetime.now(MADRID) < until:
            run = self.ask(f"/flow_runs/{run_id}", method="GET")
            if run["state_type"] in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED"):
                return run
            A_MOMENT.wait(1)
        raise AssertionError(f"{run['name']} is {run['state_type']} after five minutes")

    def retention(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command of ops, typed in the folder that serves."""
        return run_command(*arguments, cwd=self.home, variables=self.variables())


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Served:
    """A company whose data ends yesterday, and no night yet."""
    folder = tmp_path_factory.mktemp("served")
    write_company(150, SEED, YESTERDAY, str(folder / "data"), "parquet")
    config = copy_config(folder / "config", folder / "data")
    (folder / "home").mkdir()
    return Served(folder / "home", config)


@pytest.fixture(scope="module")
def serving(home: Served) -> Iterator[ExitStack]:
    """The server while it runs; who closes it ends it."""
    with ExitStack() as stack:
        stack.enter_context(home.running())
        yield stack


@pytest.fixture(scope="module")
def served(home: Served, serving: ExitStack) -> Served:
    return home


def fits(cron: str, at: datetime) -> bool:
    minute, hour, _, _, weekday = cron.split()
    return (
        at.minute in _values(minute, 60)
        and at.hour in _values(hour, 24)
        and at.isoweekday() % 7 in _values(weekday, 7)
    )


def _values(part: str, size: int) -> set[int]:
    span, _, step = part.partition("/")
    low, _, high = span.partition("-")
    first, last = (0, size - 1) if span == "*" else (int(low), int(high or low))
    return set(range(first, last + 1, int(step or 1)))


def test_each_deployment_has_future_runs_at_its_local_times(served: Served) -> None:
    done = served.retention("doctor", "--json")
    checks = {check["part"]: check for check in answer(done)["checks"]}
    assert checks["schedules"]["verdict"] == "OK", checks["schedules"]
    assert checks["worker"]["verdict"] == "OK", checks["worker"]
    for given in DEPLOYMENTS:
        (schedule,) = given["schedules"]
        found = [datetime.fromisoformat(r["expected_start_time"]).astimezone(MADRID)
                 for r in served.scheduled(given["name"])]  # fmt: skip
        assert bool(found) == schedule["active"], given["name"]
        assert all(fits(schedule["cron"], at) for at in found), given["name"]
        assert (
            checks["schedules"]["figures"]["active"][f"{given['name']}/{given['name']}"]
            == (schedule["active"])
        )
    nights = [datetime.fromisoformat(r["expected_start_time"]) for r in served.scheduled("nightly")]
    offsets = {at.astimezone(MADRID).utcoffset() for at in nights}
    assert offsets == {timedelta(hours=1), timedelta(hours=2)}, "summer and winter"
    days = [at.astimezone(MADRID).date() for at in nights]
    assert all(b - a == timedelta(days=1) for a, b in pairwise(days))


@pytest.mark.gate
def test_at_its_minute_the_night_runs_and_the_delivery_after_it(served: Served) -> None:
    night_id, delivery_id = served.next_minute("nightly", "deliver")
    night = served.watch(night_id)
    assert night["state_type"] == "COMPLETED", night["state"]
    delivery = served.watch(delivery_id)
    assert delivery["state_type"] == "COMPLETED", delivery["state"]
    (line,) = answer(served.retention("nights", "--json"))["nights"]
    assert (line["as_of"], line["state"], line["read"]) == (str(YESTERDAY), "completed", 150)
    assert line["rounds"] >= 1
    assert line["flow_run_id"] == night["id"]
    again = answer(served.retention("nights", "show", str(YESTERDAY), "--json"))["night"]
    assert again["pull"]["customers"] == 150
    for run in (night, delivery):
        logs = served.ask("/logs/filter", {"logs": {"flow_run_id": {"any_": [run["id"]]}}})
        ours = [row["message"] for row in logs if row["name"] == "retention"]
        assert ours, "the run's own lines are on its page"
        assert not any("customers.example" in m or "C0000" in m for m in map(str, logs))
    keys = {artifact["key"] for artifact in served.ask("/artifacts/filter", {})}
    assert keys >= {"nightly-summary", "nightly-counts", "delivery-summary"}


def test_the_pages_call_the_port_that_they_were_opened_on(served: Served) -> None:
    url = f"http://127.0.0.1:{served.port}/ui-settings"
    with urllib.request.urlopen(url, timeout=30) as found:
        assert json.load(found)["api_url"] == f"http://127.0.0.1:{served.port}/api"
    assert (served.home / "state" / "prefect").is_dir()


@pytest.mark.gate
def test_a_second_server_on_the_port_is_refused_with_a_remedy(served: Served) -> None:
    done = served.retention("serve", "--port", str(served.port))
    assert done.returncode == 1
    assert "Choose another with --port" in done.stderr


@pytest.mark.gate
def test_a_refused_night_says_why_on_its_page(served: Served) -> None:
    ended = served.watch(served.order("nightly", "2020-01-01"))
    assert ended["state_type"] == "FAILED"
    assert "the night of 2020-01-01: is too late" in ended["state"]["message"]


@pytest.mark.gate
def test_an_unforeseen_failure_is_a_sentence_for_prefect_and_a_story_for_its_owner(
    served: Served,
) -> None:
    staging = served.home / "state" / "staging"
    shutil.rmtree(staging, ignore_errors=True)
    staging.write_text("a file where a folder should be", encoding="utf-8")
    ended = served.watch(served.order("nightly", str(YESTERDAY + timedelta(days=1))))
    staging.unlink()
    assert ended["state_type"] == "FAILED"
    assert "its story is in failures/" in ended["state"]["message"]
    assert "staging" not in ended["state"]["message"]
    (story,) = (served.home / "state" / "failures").iterdir()
    assert "Traceback" in story.read_text("utf-8")
    assert story.stat().st_mode & 0o077 == 0
    line = answer(served.retention("nights", "--json"))["nights"][0]
    assert line["state"] == "failed"
    assert "its story is in failures/" in line["why"]


@pytest.mark.gate
def test_what_was_killed_as_it_started_is_crashed_and_long_runs_are_ordered_again_once(
    served: Served,
) -> None:
    """Killed between the worker's taking it and the first thing that a night writes down."""
    nightly, watch = served.deployment("nightly")["id"], served.deployment("watch")["id"]
    parameters = {"parameters": {"as_of": str(YESTERDAY)}}

    def killed(deployment: str, state: str, **more: Any) -> Any:
        body = {"state": {"type": state}, **more}
        return served.ask(f"/deployments/{deployment}/create_flow_run", body)

    flow = served.ask("/flows/", {"name": "of another team"})["id"]
    other = served.ask("/deployments/", {"name": "theirs", "flow_id": flow, "tags": ["long-run"]})
    theirs = killed(other["id"], "PENDING")
    taken = killed(watch, "PENDING")
    night = killed(nightly, "RUNNING", parameters=parameters)
    before, after = utc_now() - timedelta(hours=1), utc_now() + timedelta(minutes=1)
    assert not {taken["name"], night["name"]} & served.clear(before, before).keys(), "it may live"
    found = served.clear(after, after)
    assert found[taken["name"]] is False, "the next watch comes by itself"
    assert night["name"] not in found, "a night has claimed its date since"
    assert served.clear(after, before)[night["name"]] is True
    for run in (taken, night):
        assert served.ask(f"/flow_runs/{run['id']}", method="GET")["state_type"] == "CRASHED"
    tagged = {"flow_runs": {"tags": {"all_": [dead_starts.AGAIN]}}}
    (again,) = served.ask("/flow_runs/filter", tagged)
    assert again["parameters"] == parameters
    assert served.watch(again["id"])["state_type"] == "COMPLETED"
    assert night["name"] not in served.clear(after, before), "it has run by now"
    twice = killed(nightly, "PENDING", tags=again["tags"])
    assert served.clear(after, before)[twice["name"]] is False, "once"
    left = served.ask(f"/flow_runs/{theirs['id']}", method="GET")
    assert left["state_type"] == "PENDING", "others may share the server"


@pytest.mark.gate
def test_a_restart_keeps_what_people_did_and_deploy_shows_it(
    home: Served, served: Served, serving: ExitStack
) -> None:
    served.move("learn", {"cron": "11 11 * * 1"})
    report = served.deployment("report")
    served.ask(f"/deployments/{report['id']}/pause_deployment")
    served.ask(f"/deployments/{served.deployment('digest')['id']}", method="DELETE")
    again = Served(home.home, Path(home.env["RETENTION_CONFIG_DIR"]))
    shown = answer(served.retention("ops", "deploy", "--json"))
    assert ("new", "digest/digest") in {(d["kind"], d["name"]) for d in shown["differences"]}
    taken = served.ask(
        f"/deployments/{report['id']}/create_flow_run",
        {"name": "taken-and-never-begun", "state": {"type": "PENDING"}},
    )
    said_of = served.health(utc_now() + timedelta(minutes=20))
    assert "was taken by a worker and never begun" in str(said_of["report/report"])
    again.port = free_port()
    serving.close()
    with again.running() as said:
        text = "".join(said)
        stopped = [line for line in said if "Stopped before they began" in line]
        (ordered,) = [line for line in stopped if "ordered again" in line]
        assert "taken-and-never-begun" in ordered, "beside what the worker itself had taken"
        assert again.ask(f"/flow_runs/{taken['id']}", method="GET")["state_type"] == "CRASHED"
        assert "learn/learn sundays: '11 11 * * 1' Europe/Madrid on the server" in text
        assert "paused by hand: report/report" in text
        assert again.deployment("learn")["schedules"][0]["schedule"]["cron"] == "11 11 * * 1"
        assert again.deployment("report")["paused"]
        assert again.deployment("digest")["schedules"], "what was missing is there again"
        done = again.retention("ops", "deploy", "--yes")
        assert done.returncode == 0, done.stderr
        assert again.deployment("learn")["schedules"][0]["schedule"]["cron"] == "0 8 * * 0"
        assert again.deployment("report")["paused"], "a pause is a person's decision"
        left = answer(again.retention("ops", "deploy", "--json"))["differences"]
        assert {d["kind"] for d in left} == {"paused by hand"}
