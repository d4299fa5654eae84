"""A company whose education messages wait in the outbox, and a mail server that does as told."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from retention.bootstrap import Application, build_application
from retention.db.session import make_engine
from tests.conftest import NIGHT, PostgresDatabases, copy_config, make_settings, use_application
from tests.factories.databases import migrated_sqlite
from tests.factories.nights import complete_all, run_night, run_nights
from tests.factories.servers import ScriptedServer
from tests.factories.shared import once

PREPARED = "retention_prepared"


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        yield running


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def prepared(request: pytest.FixtureRequest, company_data: Path) -> Application:
    """The state after four nights: education messages wait in the outbox. Copied by each test."""
    servers = request.getfixturevalue("postgres") if request.param == "postgresql" else None

    def make(home: Path) -> None:
        copy_config(home / "config", company_data)
        url = migrated_sqlite(home / "state.db")
        if servers is not None:
            url = servers.migrated(PREPARED, shared_by_all=True)
        (home / "url").write_text(url, "utf-8")
        made = _application(home)
        with pytest.MonkeyPatch.context() as patch:
            use_application(patch, made)
            run_nights(NIGHT - timedelta(days=1), 3)
            complete_all(made, NIGHT)
            run_night(NIGHT)
        made.engine.dispose()

    return _application(once(f"prepared-{request.param}", make))


def _application(home: Path) -> Application:
    url = (home / "url").read_text("utf-8")
    return build_application(make_settings(home / "config", home / "state", url))


@pytest.fixture
def queued(
    prepared: Application,
    server: ScriptedServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Iterator[Application]:
    """A copy of the prepared shop, whose mail goes to `server`."""
    settings = prepared.settings.model_copy(update={"state_dir": tmp_path / "state"})
    if prepared.engine.dialect.name == "sqlite":
        shutil.copy(prepared.settings.state_dir.parent / "state.db", tmp_path / "state.db")
        url = f"sqlite:///{tmp_path / 'state.db'}"
    else:
        databases: PostgresDatabases = request.getfixturevalue("postgres")
        url = databases.make("retention_state", template=PREPARED)
    mail = replace(prepared.mail, port=server.port)
    made = replace(prepared, settings=settings, engine=make_engine(url), mail=mail)
    use_application(monkeypatch, made)
    yield made
    made.engine.dispose()
