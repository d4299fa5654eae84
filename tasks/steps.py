"""What every step shares: it is a Prefect task, and what it raises there names nobody."""

import atexit
import functools
import logging
import traceback
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.runtime import deployment, flow_run

from retention.bootstrap import get_application
from retention.clock import utc_now
from retention.domain.errors import RetentionError
from retention.process import collect_less_often, keep_private, leave_quietly

log = logging.getLogger("retention")
if log.level == logging.NOTSET:  # a person's command wants silence; a deployed run tells Prefect
    log.setLevel(logging.INFO)
collect_less_often()
atexit.register(lambda: leave_quietly() if is_deployed() else None)
P = ParamSpec("P")
R = TypeVar("R")


class StepFailedError(Exception):
    """A step failed in a way that we have no words for; its story is in the state folder."""


def step(**options: Any) -> Callable[[Callable[P, R]], Task[P, R]]:
    """Make a function a Prefect task that keeps no result in a cache.

    In a run an error that is none of ours is told in a sentence: what it says may hold a
    customer's data, and Prefect keeps what is raised. Its story goes to a file of the state folder.
    """

    def make(function: Callable[P, R]) -> Task[P, R]:
        @functools.wraps(function)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            if is_deployed():
                keep_private()
            try:
                return function(*args, **kwargs)
            except Exception as error:
                if flow_run.id is None:
                    raise
                raise _nameless(function.__name__, error) from None

        made: Task[P, R] = task(cache_policy=NO_CACHE, **options)(guarded)
        return made

    return make


def is_deployed() -> bool:
    """Return whether this process runs a deployment, not a command of a person."""
    return deployment.id is not None


def _nameless(name: str, error: Exception) -> Exception:
    """Return what may be raised in a deployed run: our own words without what led to them."""
    if isinstance(error, RetentionError):
        error.__context__ = None
        return error
    return StepFailedError(_keep(name, error))


def _keep(name: str, error: Exception) -> str:
    """Write the story of an error where only its owner reads it; return a sentence about it."""
    folder = get_application().settings.failures_dir
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"{utc_now():%Y%m%dT%H%M%S%f}-{name}.txt"
    path.touch(mode=0o600)
    path.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
    return f"{name} failed with {type(error).__name__}; its story is in {folder.name}/{path.name}"


def told(error: BaseException) -> str:
    """Return what may be written down of an error: our own words, or only its kind."""
    if isinstance(error, RetentionError | StepFailedError):
        return str(error)
    return type(error).__name__
