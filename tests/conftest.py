"""What all tests share: databases, a small demo company, a workshop of one's own."""

import atexit
import os
import re
import shutil
import subprocess
import sys
import tempfile
import uuid
import zlib
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import create_engine, make_url, text

from retention import bootstrap as workshop
from retention.bootstrap import Application
from retention.db import schema
from retention.db.session import make_engine
from retention.demo.data import write_company
from retention.environment import keep_prefect_quiet
from retention.process import collect_less_often
from retention.settings import Settings
from retention.snapshots.folders import Folders
from tests.factories import forking, shared
from tests.factories.databases import migrated_sqlite
from tests.factories.guard import MARK
from tests.factories.past import Past

ROOT = Path(__file__).parent.parent
NIGHT = date(2026, 5, 31)
SIZE = 300
SEED = 11
GUARD = pytest.StashKey[subprocess.Popen[bytes]]()
FAST = "per_second: 5000, per_domain: 5000, connections: 1"

PREFECT_HOME = Path(tempfile.mkdtemp(prefix="retention-prefect-"))
keep_prefect_quiet(PREFECT_HOME)
collect_less_often()
atexit.register(shutil.rmtree, PREFECT_HOME, ignore_errors=True)
LONG = [
    "test_simulation",
    "test_readme",
    "test_schedules",
    "test_night",
    "test_churn",
    "test_state",
    "test_faults",
    "test_law",
    "test_fault_matrix",
    "test_cli",
    "test_delivery",
    "test_ledger",
    "test_steering",
    "test_inbox",
    "test_privacy",
    "test_explain",
    "test_quality",
    "test_upgrade",
    "test_killed_delivery",
    "test_customer_pages",
    "test_console",
    "test_freshness",
]
FROM_NOTHING = {"test_readme", "test_cli"}


DATABASES = ("sqlite", "postgresql")
AXES = (DATABASES, ("light", "dark"), ("phone", "desktop"), ("en", "es"))
"""What tests run on both of; every day they run on one."""


def pytest_configure(config: pytest.Config) -> None:
    """Whatever this run starts carries its mark, and is ended with it, however it ends."""
    if hasattr(config, "workerinput") or MARK in os.environ:
        return  # a process of the run
    mark = os.environ[MARK] = uuid.uuid4().hex
    guard = [sys.executable, str(ROOT / "tests" / "factories" / "guard.py"), mark]
    without = {name: value for name, value in os.environ.items() if name != MARK}
    config.stash[GUARD] = subprocess.Popen(
        guard, stdin=subprocess.PIPE, start_new_session=True, env=without
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without --gate, leave out what `gate` marks, and all but one of each pair of `AXES`.

    Which one is drawn from the name, so that each file meets both. Long files come first, so that
    no process works on alone while the other has nothing left.
    """
    if not config.getoption("--gate"):
        left_out = [item for item in items if not _is_of_the_day(item)]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if _is_of_the_day(item)]
    items.sort(key=lambda item: LONG.index(item.path.stem) if item.path.stem in LONG else len(LONG))


@pytest.fixture(autouse=True)
def _commands_as_users_start_them(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With --gate the commands of the manual and of the command line start from nothing."""
    if request.config.getoption("--gate") and request.path.stem in FROM_NOTHING:
        monkeypatch.setattr(forking, "FORKED", False)


def _is_of_the_day(item: pytest.Item) -> bool:
    if item.get_closest_marker("gate") is not None:
        return False
    callspec = getattr(item, "callspec", None)
    values = [v for v in callspec.params.values() if isinstance(v, str)] if callspec else []
    return all(_is_drawn(item.nodeid, axis, values) for axis in AXES)


def _is_drawn(name: str, axis: tuple[str, str], values: list[str]) -> bool:
    found = [value for value in axis if value in values]
    if not found:
        return True
    without = name.replace(found[0], "?")
    return found[0] == axis[zlib.crc32(f"{axis}{without}".encode()) % len(axis)]


@pytest.fixture(scope="session")
def gate(request: pytest.FixtureRequest) -> bool:
    """Whether everything is run, not only what people run every day."""
    return bool(request.config.getoption("--gate"))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a PostgreSQL server: one of our own, or RETENTION_TEST_POSTGRES."""
    given = os.environ.get("RETENTION_TEST_POSTGRES")
    if given:
        yield given
        return
    server = shared.postgres_url()
    shared.once("postgres-quick", lambda _: _hurry(server))
    yield server


def _hurry(server: str) -> None:
    """No test pulls the plug of the whole machine, and each database is gone in seconds."""
    url = make_url(server).set(drivername="postgresql+psycopg")
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for name in ("fsync", "synchronous_commit", "full_page_writes", "autovacuum", "jit"):
            connection.execute(text(f"ALTER SYSTEM SET {name} = off"))
        connection.execute(text("SELECT pg_reload_conf()"))
    engine.dispose()


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[None]:
    """One Prefect server for all runs; without it each command starts its own, for seconds."""
    from prefect.settings import PREFECT_API_URL, temporary_settings

    url = shared.prefect_url()
    with temporary_settings({PREFECT_API_URL: url}), pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFECT_API_URL", url)
        yield


class PostgresDatabases:
    """Makes and drops databases on the test server, apart from those of other processes."""

    def __init__(self, server: str) -> None:
        self._server = make_url(server)
        self._whose = os.environ.get("PYTEST_XDIST_WORKER", "")
        url = self._server.set(drivername="postgresql+psycopg")
        self._admin = create_engine(url, isolation_level="AUTOCOMMIT")

    def make(self, name: str, template: str | None = None, *, shared_by_all: bool = False) -> str:
        """Make a database anew, empty or as a copy of another one; return its URL."""
        name = name if shared_by_all else f"{name}{self._whose}"
        copied = f' TEMPLATE "{template}" STRATEGY FILE_COPY' if template else ""
        with self._admin.connect() as connection:
            connection.execute(text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))
            connection.execute(text(f'CREATE DATABASE "{name}"{copied}'))
        url = self._server.set(drivername="postgresql", database=name)
        return url.render_as_string(hide_password=False)

    def migrated(self, name: str, *, shared_by_all: bool = False) -> str:
        """Make a database of today's schema, copied from one that was migrated once in a run."""

        def migrate(_: Path) -> None:
            engine = make_engine(self.make("retention_migrated", shared_by_all=True))
            schema.upgrade(engine)
            engine.dispose()

        shared.once("migrated-postgresql", migrate)
        return self.make(name, template="retention_migrated", shared_by_all=shared_by_all)

    def close(self) -> None:
        """Close the administration connection."""
        self._admin.dispose()


@pytest.fixture(scope="session")
def postgres(postgres_server: str) -> Iterator[PostgresDatabases]:
    """Databases on the PostgreSQL server."""
    databases = PostgresDatabases(postgres_server)
    yield databases
    databases.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty state database, once of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'state.db'}"
    databases: PostgresDatabases = request.getfixturevalue("postgres")
    return databases.make("retention_state")


@pytest.fixture(scope="session")
def company_data() -> Path:
    """Two years of a small demo company, as Parquet. Read only."""
    until = NIGHT.replace(month=6, day=1)

    def make(folder: Path) -> None:
        write_company(SIZE, SEED, until, str(folder), "parquet")

    return shared.once("company", make)


@pytest.fixture
def config_dir(tmp_path: Path, company_data: Path) -> Path:
    """A config folder of one's own that reads the demo company."""
    return copy_config(tmp_path / "config", company_data)


def copy_config(folder: Path, data: Path) -> Path:
    """The shipped config folder, reading `data`; nobody is held out and few things are capped."""
    shutil.copytree(ROOT / "config", folder)
    write_sources(folder, data)
    loosen(folder)
    return folder


def loosen(config: Path, cap: str = "{share: 1.0, count: 10000}", holdout: float = 0.0) -> None:
    """Let nights of a small company do everything at once."""
    guards = config / "guards.yaml"
    text = re.sub(r"\{share: \S+ count: \d+\}", cap, guards.read_text("utf-8"))
    text = re.sub(r"restore: 0.10, retain: 0.10", f"restore: {holdout}, retain: {holdout}", text)
    guards.write_text(text.replace("above: 20", "above: 1000"), "utf-8")
    sending = config / "sending.yaml"
    text = sending.read_text("utf-8").replace('opens: "09:00"', 'opens: "08:00"')
    text = text.replace("per_second: 5, per_domain: 2, connections: 2", FAST)
    text = text.replace("undo_minutes: 10", "undo_minutes: 0")
    sending.write_text(text.replace("messages: 2, days: 7", "messages: 100, days: 7"), "utf-8")


def write_sources(config: Path, data: Path) -> None:
    """Point a config folder at a folder of canonical files."""
    (config / "sources.yaml").write_text(
        f'connections:\n  demo: {{kind: files, path: "{data}"}}\n', encoding="utf-8"
    )


def make_settings(config: Path, state: Path, database_url: str | None = None) -> Settings:
    """Settings that touch nothing outside the test's folders."""
    return Settings(
        _env_file=None,
        state_dir=state,
        config_dir=config,
        templates_dir=ROOT / "templates",
        database_url=database_url,
        mail_security="plain",
        mail_timeout_seconds=5,
        mail_reply_seconds=5,
        secret_key=SecretStr("a key for tests"),
    )


def make_folders(snapshots: Path, **more: Any) -> Folders:
    """Folders of a night without settings; everything lies beside the snapshots."""
    return Folders(
        snapshots=snapshots,
        templates=ROOT / "templates",
        timezone="Europe/Madrid",
        environment={},
        staging=snapshots.parent / "staging",
        models=snapshots.parent / "models",
        **more,
    )


@pytest.fixture
def shop(
    request: pytest.FixtureRequest,
    config_dir: Path,
    tmp_path: Path,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Application]:
    """A workshop on an up-to-date database of each kind; tasks use it too.

    With the mark `nights(count, back=0)` that many nights were run, up to `back` days before NIGHT.
    """
    begins = request.node.get_closest_marker("nights")
    if begins is not None:
        url = past_of(request, database_url, *begins.args, **begins.kwargs).copy_to(tmp_path)
    elif database_url.startswith("sqlite"):
        url = migrated_sqlite(tmp_path / "state.db")
    else:
        url = request.getfixturevalue("postgres").migrated("retention_state")
    made = workshop.build_application(make_settings(config_dir, tmp_path / "state", url))
    use_application(monkeypatch, made)
    yield made
    made.engine.dispose()


def past_of(request: pytest.FixtureRequest, url: str, count: int, back: int = 0) -> Past:
    """The past that a test begins with, on the kind of database that `url` is."""
    servers = None if url.startswith("sqlite") else request.getfixturevalue("postgres")
    return Past(request.getfixturevalue("company_data"), count, back, servers)


def use_application(monkeypatch: pytest.MonkeyPatch, made: Application) -> None:
    """Let tasks work in `made`."""
    for module in (
        "tasks.nightly",
        "tasks.delivery",
        "tasks.learning",
        "tasks.reporting",
        "tasks.inbox",
        "tasks.digest",
        "tasks.heads",
        "tasks.rounds",
        "tasks.webhooks",
        "tasks.steps",
        "tasks.watch",
    ):
        monkeypatch.setattr(f"{module}.get_application", lambda: made)


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--write-golden` writes the golden files anew; look at the difference before you commit.

    `--gate` runs every sweep in full.
    """
    parser.addoption("--gate", action="store_true", help="run everything, every sweep in full")
    parser.addoption("--write-golden", action="store_true", help="write golden files anew")
