"""Ends what a test run has started and left: run as a process of its own, it outlives the run.

It waits until its standard input closes, which happens however the run ends, also by SIGKILL. Then
every process that carries the run's mark in its environment is ended: servers, workers, children;
and the folder that they shared is removed.
"""

import os
import shutil
import signal
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

MARK = "TESTS_OF_RETENTION_RUN"


def folder_of(mark: str) -> Path:
    """Return the folder of what the processes of a run share."""
    return Path(tempfile.gettempdir()) / f"retention-tests-{mark[:12]}"


def left_of(mark: str) -> list[int]:
    """Return the ids of the processes that a run has started and that are still there."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if int(folder.name) != os.getpid() and wanted in (folder / "environ").read_bytes():
                found.append(int(folder.name))
    return found


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.stdin.read()
    for kind in (signal.SIGINT, signal.SIGKILL):  # PostgreSQL ends cleanly on the first
        for process in left_of(sys.argv[1]):
            with suppress(OSError):
                os.kill(process, kind)
        if kind is signal.SIGINT and left_of(sys.argv[1]):
            signal.sigtimedwait([signal.SIGCHLD], 3)
    shutil.rmtree(folder_of(sys.argv[1]), ignore_errors=True)
