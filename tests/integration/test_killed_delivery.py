"""SIGKILL at every point of a delivery, with another worker alive, on SQLite and PostgreSQL."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from retention.demo.data import write_company
from tests.conftest import NIGHT, ROOT, PostgresDatabases, copy_config
from tests.factories.killing_delivery import MESSAGES

AT_MOST = {"at_most_once": 1, "at_least_once": 2}


def test_a_worker_killed_anywhere_loses_nothing_and_repeats_nothing(
    tmp_path: Path, postgres: PostgresDatabases, gate: bool
) -> None:
    """The gate kills on both databases at every point; every day each at every second one."""
    write_company(120, 5, NIGHT.replace(month=6, day=1), str(tmp_path / "data"), "parquet")
    config = copy_config(tmp_path / "config", tmp_path / "data")
    sweeps = {}
    for share, kind in enumerate(("sqlite", "postgresql")):
        home = tmp_path / kind
        home.mkdir()
        url = f"sqlite:///{home / 'state.db'}"
        if kind == "postgresql":
            url = postgres.make("retention_killed_delivery")
        command = [sys.executable, "-m", "tests.factories.killing_delivery", str(home),
                   str(config), url, NIGHT.isoformat(),
                   *(("0", "1") if gate else (str(share), "2"))]  # fmt: skip
        sweeps[kind] = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    for kind, sweep in sweeps.items():
        said, _ = sweep.communicate(timeout=900)
        assert sweep.returncode == 0, kind
        found = json.loads(said)
        assert set(found["clean"]["copies"].values()) == {1}
        assert len(found["clean"]["messages"]) == MESSAGES
        points = found["points"]
        passed = set(found["passed"])
        assert {f"after saying the message #{n}" for n in (1, 2)} <= passed
        assert {"before saying MAIL #2", "INSERT INTO audit_event #2"} <= passed
        assert len(passed) > 40
        assert len(points) >= len(passed) // (1 if gate else 2)
        wrong = {p: f for p, f in points.items() if faults(f)}
        assert not wrong, (kind, {p: faults(f) for p, f in wrong.items()})


def faults(found: dict[str, Any]) -> list[str]:
    """What is wrong with what a killed worker and its fellow have left."""
    said = []
    if found["killed"] != -signal.SIGKILL:
        said.append("the point was not reached")
    if found["rest"] or found["open"] or not found["audit"]:
        said.append("what was left could not be settled")
    for key, (state, policy) in found["messages"].items():
        copies = found["copies"].get(key, 0)
        if copies > AT_MOST[policy]:
            said.append(f"{copies} copies of a message that is {policy}")
        if state == "sent" and not copies:
            said.append("sent, and the server has none")
        if state not in ("sent", "unknown"):
            said.append(f"a message is {state}")
        if not copies and state != "unknown":
            said.append("lost without a word")
    return said
