"""Where shards are worked on: threads of this machine, or a Dask cluster."""

from typing import Any

from prefect.task_runners import ThreadPoolTaskRunner

from retention.settings import get_settings


def task_runner() -> Any:
    """Return the task runner that settings name: Dask when an address is given, else threads."""
    settings = get_settings()
    if settings.dask_address is None:
        return ThreadPoolTaskRunner(max_workers=settings.parallel_shards)
    from prefect_dask import DaskTaskRunner

    return DaskTaskRunner(address=settings.dask_address)
