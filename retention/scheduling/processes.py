"""A Prefect server and a worker as processes of ours: started, watched, started again, ended."""

import socket
import subprocess
import sys
import time
import urllib.request
from collections import deque
from collections.abc import Mapping
from typing import Any, Self

from retention.domain.errors import ConfigError, RetentionError

_START_SECONDS = 120
_STOP_SECONDS = 20
_TOO_OFTEN = 5
_WITHIN_SECONDS = 120.0


class Watched:
    """A process of Prefect, or of ours, that is started again when it dies, and ended by its id."""

    def __init__(
        self,
        name: str,
        *arguments: str,
        env: Mapping[str, str],
        chatty: bool = True,
        module: str = "prefect",
    ) -> None:
        self._stdout = None if chatty else subprocess.DEVNULL
        self.name = name
        self._command = [sys.executable, "-m", module, *arguments]
        self._env = dict(env)
        self._starts: deque[float] = deque(maxlen=_TOO_OFTEN)
        self._process: Any = None

    def __enter__(self) -> Self:
        self._start()
        return self

    def _start(self) -> None:
        self._starts.append(time.monotonic())
        self._process = subprocess.Popen(
            self._command, env=self._env, stdout=self._stdout, stdin=subprocess.DEVNULL
        )

    @property
    def pid(self) -> int:
        """The process's id."""
        return int(self._process.pid)

    @property
    def has_ended(self) -> bool:
        """Whether it has ended and was not started again."""
        return self._process.poll() is not None

    def revive(self) -> int | None:
        """Start it again if it has ended; return the exit code it had, or None while it lives.

        Raises RetentionError for one that ends again and again.
        """
        code: int | None = self._process.poll()
        if code is None:
            return None
        often = len(self._starts) == _TOO_OFTEN
        if often and time.monotonic() - self._starts[0] < _WITHIN_SECONDS:
            raise RetentionError(
                f"the Prefect {self.name}",
                f"has ended {_TOO_OFTEN} times in two minutes, last with exit code {code}",
                "What it said last is above.",
            )
        self._start()
        return code

    def wait_for(self, url: str) -> None:
        """Wait until a server answers. Raises TimeoutError, RetentionError when it ends instead."""
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            self.revive()
            try:
                with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - a loopback address
                    return
            except OSError:
                time.sleep(0.2)
        raise TimeoutError(f"{url} does not answer after {_START_SECONDS} s")

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def require_free(port: int) -> None:
    """Raise ConfigError unless a port of loopback can be listened on."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise ConfigError(
                f"port {port}", f"cannot be used: {error.strerror}", "Choose another with --port."
            ) from error


def is_free(port: int) -> bool:
    """Return whether a port of loopback can be listened on."""
    try:
        require_free(port)
    except ConfigError:
        return False
    return True


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
