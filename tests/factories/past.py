"""Shops after some nights: played once in a run, and copied by each test that begins there."""

import shutil
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from retention.bootstrap import build_application
from tests.factories.databases import migrated_sqlite
from tests.factories.nights import run_nights
from tests.factories.shared import once

if TYPE_CHECKING:
    from tests.conftest import PostgresDatabases


class Past:
    """The `count` nights up to `back` days before NIGHT, of the small demo company.

    `databases` are those of PostgreSQL; without them it is SQLite.
    """

    def __init__(
        self, data: Path, count: int, back: int, databases: "PostgresDatabases | None"
    ) -> None:
        self._data, self._count, self._back, self._databases = data, count, back, databases
        self._name = f"nights_{count}_{back}_{'sqlite' if databases is None else 'postgresql'}"
        self.home = once(self._name, self._play)

    def copy_to(self, folder: Path) -> str:
        """Copy the state folder to `folder/state`; return the URL of a copy of the database."""
        shutil.copytree(self.home / "state", folder / "state")
        if self._databases is not None:
            return self._databases.make("retention_state", template=self._name)
        shutil.copy(self.home / "state.db", folder / "state.db")
        return f"sqlite:///{folder / 'state.db'}"

    def _play(self, home: Path) -> None:
        from tests.conftest import NIGHT, copy_config, make_settings, use_application

        config = copy_config(home / "config", self._data)
        url = self._new_database(home)
        made = build_application(make_settings(config, home / "state", url))
        with pytest.MonkeyPatch.context() as patch:
            use_application(patch, made)
            run_nights(NIGHT - timedelta(days=self._back), self._count)
        made.engine.dispose()

    def _new_database(self, home: Path) -> str:
        if self._databases is None:
            return migrated_sqlite(home / "state.db")
        return self._databases.migrated(self._name, shared_by_all=True)
