"""Run the command line as its users do: as a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.conftest import ROOT
from tests.factories import forking


def retention(
    *arguments: str, cwd: Path, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `retention ...` in `cwd`, with Prefect's files under it."""
    return run_command(*arguments, cwd=cwd, variables=surroundings(cwd) | (env or {}))


def run_command(
    *arguments: str, cwd: Path, variables: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run `retention ...` with exactly these variables."""
    if forking.FORKED:
        return forking.run_forked(arguments, cwd, variables, timeout=1200)
    return subprocess.run(
        [sys.executable, "-m", "retention", *arguments],
        cwd=cwd, env=variables, capture_output=True, text=True, check=False, timeout=1200,
    )  # fmt: skip


def surroundings(home: Path) -> dict[str, str]:
    """The environment of a command: nothing of ours, except Prefect's server if one runs."""
    ours = ("RETENTION_", "PREFECT")
    variables = {name: v for name, v in os.environ.items() if not name.startswith(ours)}
    variables |= {"PREFECT_HOME": str(home / "prefect"), "NO_COLOR": "1", "COLUMNS": "120"}
    if "PREFECT_API_URL" in os.environ:
        variables["PREFECT_API_URL"] = os.environ["PREFECT_API_URL"]
    return variables | {"RETENTION_DATA": str(data_folder())}


def answer(done: subprocess.CompletedProcess[str]) -> Any:
    """Return the one JSON document a command printed."""
    return json.loads(done.stdout)


def data_folder() -> Path:
    """Where the public data is, if it is."""
    return Path(os.environ.get("RETENTION_DATA", ROOT.parent / "shared" / "data"))
