"""The environment of this process: what it holds, and what Prefect finds in it."""

import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from retention.settings import get_settings

SERVING = "serving.json"


def environment() -> dict[str, str]:
    """Return the environment that `${NAME}` in sources.yaml may refer to."""
    return dict(os.environ)


def keep_prefect_quiet(home: Path | None = None) -> None:
    """Keep Prefect from calling home and from chatting on standard error.

    Must run before Prefect is imported. What the user has set stays. `home` is where Prefect keeps
    its own files, the state folder's by default. The server that `retention serve` runs there is
    used; without one Prefect starts one for this process.
    """
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "CRITICAL")
    os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "120")
    logging.getLogger("retention").setLevel(logging.CRITICAL)
    point_at_prefect(home)
    Path(os.environ["PREFECT_HOME"]).mkdir(parents=True, exist_ok=True)


def point_at_prefect(home: Path | None = None) -> None:
    """Point Prefect in this process at our own home, and at the server that works there, if any."""
    home = (home or get_settings().prefect_dir).resolve()
    os.environ.setdefault("DO_NOT_TRACK", "1")
    os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
    os.environ.setdefault("PREFECT_HOME", str(home))
    served = _served_from(home)
    if served is not None:
        os.environ.setdefault("PREFECT_API_URL", served)


def knows_a_server() -> bool:
    """Return whether a Prefect server is named, by the user or by a running `retention serve`."""
    return bool(os.environ.get("PREFECT_API_URL"))


def runs_address(home: Path) -> str | None:
    """Return where a browser finds the runs of the Prefect server, or None without one.

    `PREFECT_UI_URL` says it where people reach the server by another name than this process does.
    """
    api = os.environ.get("PREFECT_API_URL") or _served_from(home)
    pages = os.environ.get("PREFECT_UI_URL") or (api or "").removesuffix("/").removesuffix("/api")
    return f"{pages.removesuffix('/')}/runs" if pages else None


def _served_from(home: Path) -> str | None:
    """Return the address of the server that `retention serve` runs on this home, or None."""
    try:
        said = json.loads((home / SERVING).read_text("utf-8"))
        os.kill(said["pid"], 0)
    except (OSError, ValueError, KeyError):
        return None
    return str(said["api"])


@contextmanager
def serving(home: Path, api: str) -> Iterator[None]:
    """Say, while the block runs, that a Prefect server answers at `api` for this home."""
    home.mkdir(parents=True, exist_ok=True)
    path = home / SERVING
    path.write_text(json.dumps({"pid": os.getpid(), "api": api}), encoding="utf-8")
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def prefect_environment(api: str, home: Path) -> dict[str, str]:
    """Return the environment of a Prefect server and worker of ours that answer at `api`.

    Log lines of a run, ours among them, go to the server.
    """
    wanted = {
        "PREFECT_HOME": str(home),
        "PREFECT_API_URL": api,
        "PREFECT_UI_API_URL": api,
        "RETENTION_HOME": str(Path.cwd()),
    }
    usual = {
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_LOGGING_LEVEL": "INFO",
        "PREFECT_LOGGING_EXTRA_LOGGERS": "retention",
        "PREFECT_WORKER_QUERY_SECONDS": "5",
    }
    return usual | environment() | wanted


@contextmanager
def kept_environment() -> Iterator[None]:
    """Put the environment back as it was when the block ends."""
    before = dict(os.environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        get_settings.cache_clear()


def set_environment(values: dict[str, str]) -> None:
    """Set variables for this process and its children; settings are read anew afterwards."""
    os.environ.update(values)
    get_settings.cache_clear()
