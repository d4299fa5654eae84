"""Commands as processes of their own that need not import everything again.

They are forked from one that has imported what most commands need, and then do what `python -m
retention` does. Prefect is not among it: it reads its environment when it is imported. With --gate
the commands of the manual and of test_cli are started from nothing, as their users start them.
"""

import multiprocessing
import os
import subprocess
import sys
import tempfile
from pathlib import Path

_KNOWN = [
    "duckdb",
    "numpy",
    "pandas",
    "pyarrow.parquet",
    "rich.table",
    "rich.panel",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.dialects.sqlite.pysqlite",
    "sqlglot",
    "retention.actions.completion",
    "retention.actions.told_to_team",
    "retention.actions.views",
    "retention.bootstrap",
    "retention.cli.app",
    "retention.nights.plan",
    "retention.reader",
]
FORKED = True
"""Set to False for the commands that --gate starts from nothing."""

_forking = multiprocessing.get_context("forkserver")
_forking.set_forkserver_preload(_KNOWN)


def run_forked(
    arguments: tuple[str, ...], cwd: Path, env: dict[str, str], timeout: float
) -> subprocess.CompletedProcess[str]:
    """Run `retention ...`; what it says is read back from files."""
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        process = _forking.Process(target=_be, args=(arguments, cwd, env, out, err))
        process.start()
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            raise subprocess.TimeoutExpired(arguments, timeout)
        said = out.read_text("utf-8"), err.read_text("utf-8")
        return subprocess.CompletedProcess(arguments, process.exitcode, *said)


def _be(arguments: tuple[str, ...], cwd: Path, env: dict[str, str], out: Path, err: Path) -> None:
    for number, path in ((1, out), (2, err)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = ["retention", *arguments]
    from retention.cli.main import main

    main()
