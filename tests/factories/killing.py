"""Kill a night at every point it passes, run it again, and compare what it leaves.

Run as a process of its own: it runs whole nights itself, and forks a child for each one that is
killed, which then costs no more than a night. The points are not listed anywhere: a first,
undisturbed night says which ones it passes.
"""

import json
import os
import shutil
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event, make_url, text
from sqlalchemy.orm import Session

from retention.audit.fingerprint import fingerprint
from retention.bootstrap import get_application
from retention.db.session import make_engine, reading
from retention.environment import keep_prefect_quiet, set_environment
from retention.process import collect_less_often

keep_prefect_quiet()
collect_less_often()
from tests.factories.nights import approve_all, complete_all, run_night  # noqa: E402 - told first

_FILES = {"os.rename": 1, "shutil.rmtree": 0, "os.mkdir": 0}


class Reaper:
    """Sees every point that a night passes; at one of them it kills the process."""

    def __init__(self, state: Path, kill_at: str | None) -> None:
        self.passed: list[str] = []
        self._state, self._kill_at = str(state), kill_at
        self._seen: Counter[str] = Counter()
        sys.addaudithook(self._on_file)
        event.listen(Engine, "commit", lambda _: self.see("before commit"))
        event.listen(Session, "after_commit", lambda _: self.see("after commit"))
        event.listen(Engine, "before_cursor_execute", self._on_statement)

    def see(self, label: str) -> None:
        """Pass a point."""
        self._seen[label] += 1
        point = f"{label} #{self._seen[label]}"
        if self._seen[label] == 1 or "commit" in label:
            self.passed.append(point)
        if point == self._kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def _on_file(self, name: str, arguments: tuple[Any, ...]) -> None:
        if name in _FILES:
            path = str(arguments[_FILES[name]])
            if path.startswith(self._state):
                self.see(f"{name} {Path(path).name}")

    def _on_statement(self, *arguments: Any) -> None:
        words = str(arguments[2]).split()
        if words and words[0] in ("INSERT", "UPDATE", "DELETE"):
            self.see(" ".join(words[:3]))


def in_child(work: Callable[[], Any]) -> tuple[int, Any]:
    """Do `work` in a forked child; return how it ended and what it returned."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writer, json.dumps(work()).encode())
        except BaseException:  # noqa: BLE001 - the child ends here, whatever happens
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as answer:
        said = answer.read()
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), json.loads(said) if said else None


def here(work: Callable[[], Any]) -> tuple[int, Any]:
    """Do `work` in this process, which nobody kills; return what `in_child` would.

    What it reads and compiles, the children that are forked after it begin with.
    """
    try:
        return 0, work()
    except Exception:  # noqa: BLE001 - told, and counted against the point
        traceback.print_exc()
        return 1, None
    finally:
        get_application().engine.dispose()


def night(day: date, state: Path, kill_at: str | None = None) -> list[str]:
    """Run one night, watched; return the points that it passed."""
    reaper = Reaper(state, kill_at)
    run_night(day)
    return reaper.passed


def night_again(day: date, url: str) -> str:
    """Run a killed night again; return what it leaves."""
    run_night(day, take_over=True)
    return print_at(url)


def prepare(day: date) -> None:
    """Play the nights and the people's work before the night that is killed."""
    for back in (3, 2, 1):
        run_night(day - timedelta(days=back))
        complete_all(get_application(), day - timedelta(days=back))
        approve_all(get_application(), day - timedelta(days=back))


def print_at(url: str) -> str:
    """Return the fingerprint of a database."""
    engine = make_engine(url)
    with reading(engine) as session:
        found = fingerprint(session)
    engine.dispose()
    return found


class Stage:
    """Where nights are killed: a prepared past that is put back before each of them."""

    def __init__(self, home: Path, url: str) -> None:
        self.home, self.url = home, url
        self.state, self.kept = home / "state", home / "kept"

    def keep(self) -> None:
        """Remember the present state."""
        shutil.copytree(self.state, self.kept / "state")
        for path in self.home.glob("state.db*"):  # the log beside it holds what was committed last
            shutil.copy(path, self.kept)

    def put_back(self) -> None:
        """Return to what was kept."""
        shutil.rmtree(self.state)
        shutil.copytree(self.kept / "state", self.state)
        if self.url.startswith("sqlite"):
            for path in self.home.glob("state.db*"):
                path.unlink()
            for path in self.kept.glob("state.db*"):
                shutil.copy(path, self.home)
        else:
            name = make_url(self.url).database
            self._copy_database(str(name), f"{name}_kept")

    def keep_database(self) -> None:
        """Keep a copy of a PostgreSQL database."""
        if not self.url.startswith("sqlite"):
            name = make_url(self.url).database
            self._copy_database(f"{name}_kept", str(name))

    def _copy_database(self, name: str, template: str) -> None:
        admin = make_engine(str(make_url(self.url).set(database="postgres")))
        with admin.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))
            connection.execute(text(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'))
        admin.dispose()


def sweep(home: Path, config: Path, url: str, day: date, share: int, of: int) -> dict[str, Any]:
    """Kill the night of `day` at every point; return what each left beside a clean one."""
    stage = Stage(home, url)
    set_environment(
        {
            "RETENTION_STATE_DIR": str(stage.state),
            "RETENTION_CONFIG_DIR": str(config),
            "RETENTION_DATABASE_URL": url,
        }
    )
    code, _ = here(partial(prepare, day))
    assert code == 0, "the nights before did not run"
    stage.keep()
    stage.keep_database()
    code, points = in_child(lambda: night(day, stage.state))
    assert code == 0, "the clean night did not run"
    clean = in_child(lambda: print_at(url))[1]
    results = {}
    for point in points[share::of]:
        stage.put_back()
        killed, _ = in_child(partial(night, day, stage.state, point))
        rerun, found = here(partial(night_again, day, url))
        left = [path.name for path in stage.state.rglob("*.partial")]
        results[point] = {"killed": killed, "rerun": rerun, "same": found == clean, "left": left}
    return {"clean": clean, "passed": points, "points": results}


if __name__ == "__main__":
    where, config_dir, database, on, nth, parts = sys.argv[1:]
    found = sweep(
        Path(where), Path(config_dir), database, date.fromisoformat(on), int(nth), int(parts)
    )
    sys.stdout.write(json.dumps(found))
