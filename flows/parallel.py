"""Where shards are worked on: threads of this machine, or a Dask cluster."""

from collections.abc import Iterable
from typing import Any

from prefect.futures import PrefectFuture, wait
from prefect.task_runners import ThreadPoolTaskRunner

from retention.settings import get_settings


def all_done(futures: Iterable[PrefectFuture[Any]]) -> None:
    """Wait for every shard; the first failure among them is raised once all have ended."""
    ended = list(futures)
    wait(ended)
    for future in ended:
        future.result()


def task_runner() -> Any:
    """Return the task runner that settings name: Dask when an address is given, else threads."""
    settings = get_settings()
    if settings.dask_address is None:
        return ThreadPoolTaskRunner(max_workers=settings.parallel_shards)
    from prefect_dask.task_runners import DaskTaskRunner

    return DaskTaskRunner(address=settings.dask_address)
