"""`retention serve`: a Prefect server, the deployments and a worker, on this machine."""

import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from retention.terminal import make_console

Port = Annotated[int, typer.Option(min=1024, max=65535, help="Port of the Prefect server.")]
POOL = "retention"
_START_SECONDS = 120
_STOP_SECONDS = 20


def serve(port: Port = 4200) -> None:
    """Start a Prefect server on loopback, deploy all flows and work on them until Ctrl-C."""
    from retention.settings import environment, keep_prefect_quiet

    keep_prefect_quiet()
    console = make_console(stderr=True)
    base = {"RETENTION_HOME": str(Path.cwd())} | environment()
    variables = base | {"PREFECT_API_URL": f"http://127.0.0.1:{port}/api"}
    with ExitStack() as stack:
        stack.enter_context(_running("server", "start", "--port", str(port), env=base))
        wait_for(f"http://127.0.0.1:{port}/api/health")
        deploy(variables)
        stack.enter_context(_running("worker", "start", "--pool", POOL, env=variables))
        console.print(f"Prefect: http://127.0.0.1:{port}   Stop with Ctrl-C.")
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        try:
            signal.pause()
        except KeyboardInterrupt:
            console.print("Stopping.")


def deploy(variables: dict[str, str]) -> None:
    """Create the work pool and deploy everything in prefect.yaml."""
    pool = ("work-pool", "create", POOL, "--type", "process", "--overwrite")
    subprocess.run(_prefect(*pool), env=variables, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(
        _prefect("--no-prompt", "deploy", "--all"),
        env=variables, check=True, stdout=subprocess.DEVNULL, cwd=Path.cwd(),
    )  # fmt: skip


def wait_for(url: str) -> None:
    """Wait until an address answers. Raises TimeoutError."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - our own loopback address
                return
        except OSError:
            time.sleep(0.2)
    raise TimeoutError(f"{url} does not answer after {_START_SECONDS} s")


class _running:  # noqa: N801 - reads as a verb in a with statement
    """A Prefect process that is ended, by its own id, with the block."""

    def __init__(self, *arguments: str, env: dict[str, str]) -> None:
        self._process: Any = subprocess.Popen(_prefect(*arguments), env=env)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _prefect(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "prefect", *arguments]
