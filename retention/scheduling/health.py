"""Does what is scheduled really run? The figures behind `retention doctor`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from retention.scheduling.declared import Deployment
from retention.scheduling.differences import Found
from retention.scheduling.server import Api, LastRun

POLLED_WITHIN = timedelta(minutes=2)
_BAD = frozenset({"Failed", "Crashed", "TimedOut"})


@dataclass(frozen=True, slots=True)
class FlowHealth:
    """One deployment: whether it is on, when it runs next, how its last run ended."""

    name: str
    active: bool
    next_run_at: datetime | None
    last_run: LastRun | None

    @property
    def wrong(self) -> str | None:
        """What is wrong with it, or None."""
        if self.active and self.next_run_at is None:
            return "is active and has no future run"
        if self.last_run is not None and self.last_run.state in _BAD:
            ended = f"{self.last_run.ended_at:%Y-%m-%d %H:%M} UTC"
            return f"its last run is {self.last_run.state} ({ended})"
        return None


@dataclass(frozen=True, slots=True)
class Health:
    """What a Prefect server says of our schedules."""

    url: str
    flows: tuple[FlowHealth, ...]
    missing: tuple[str, ...]
    last_poll_at: datetime | None

    def worker_is_gone(self, now: datetime) -> bool:
        """Whether no worker was heard of lately."""
        return self.last_poll_at is None or self.last_poll_at < now - POLLED_WITHIN


def ask(api: Api, wanted: Mapping[str, Deployment]) -> Health:
    """Ask a server how our deployments are."""
    found, future = api.deployments(), api.next_runs()
    return Health(
        url=api.url,
        flows=tuple(_of(api, one, future) for _, one in sorted(found.items())),
        missing=tuple(sorted(wanted.keys() - found.keys())),
        last_poll_at=api.last_poll(),
    )


def _of(api: Api, found: Found, future: Mapping[str, datetime]) -> FlowHealth:
    active = not found.paused and found.deployment.is_scheduled
    return FlowHealth(found.deployment.name, active, future.get(found.id), api.last_run(found.id))
