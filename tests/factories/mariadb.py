"""A MariaDB of our own, for a company that keeps its data there."""

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def mariadb_server() -> Iterator[str]:
    """The URL of a database on a new server; the test is skipped where there is no MariaDB."""
    if shutil.which("mariadbd") is None:
        pytest.skip("mariadbd is not installed (Debian: mariadb-server)")
    folder = Path(tempfile.mkdtemp(prefix="retention-mariadb-"))
    shutil.chown(folder, "mysql", "mysql")
    subprocess.run(
        ["mariadb-install-db", "--user=mysql", f"--datadir={folder}/data",
         "--auth-root-authentication-method=normal"], check=True, capture_output=True,
    )  # fmt: skip
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        ["mariadbd", "--no-defaults", "--user=mysql", f"--datadir={folder}/data",
         f"--port={port}", "--bind-address=127.0.0.1", f"--socket={folder}/s",
         f"--pid-file={folder}/pid", "--skip-log-error"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        with socket.socket() as knock:
            if knock.connect_ex(("127.0.0.1", port)) == 0:
                break
    sql = (
        "CREATE DATABASE shop CHARACTER SET utf8mb4; "
        "CREATE USER r@'127.0.0.1' IDENTIFIED BY 'secret'; "
        "GRANT ALL ON shop.* TO r@'127.0.0.1'"
    )
    subprocess.run(["mariadb", f"--socket={folder}/s", "-e", sql], check=True)
    yield f"mysql://r:secret@127.0.0.1:{port}/shop"
    server.terminate()
    server.wait(30)
    shutil.rmtree(folder)
