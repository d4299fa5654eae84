"""Does what is scheduled really run? The figures behind `retention doctor`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from retention.scheduling.declared import Deployment
from retention.scheduling.differences import Found
from retention.scheduling.server import Api, LastRun, WaitingRun

POLLED_WITHIN = timedelta(minutes=2)
BEGUN_WITHIN = timedelta(minutes=15)
_BAD = frozenset({"Failed", "Crashed", "TimedOut"})


@dataclass(frozen=True, slots=True)
class FlowHealth:
    """One deployment: whether it is on, when it runs next, how its last run ended.

    `stuck` is a run that should have begun long ago and has not.
    """

    name: str
    active: bool
    next_run_at: datetime | None
    last_run: LastRun | None
    stuck: WaitingRun | None = None

    @property
    def wrong(self) -> str | None:
        """What is wrong with it, or None."""
        if self.active and self.next_run_at is None:
            return "is active and has no future run"
        if self.stuck is not None:
            due = f"its run of {self.stuck.due_at:%Y-%m-%d %H:%M} UTC"
            if self.stuck.taken:
                return f"{due} was taken by a worker and never begun; restart 'retention serve'"
            return f"{due} has not begun"
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


def ask(api: Api, wanted: Mapping[str, Deployment], now: datetime) -> Health:
    """Ask a server how our deployments are."""
    found, waiting = api.deployments(), api.waiting_runs()
    return Health(
        url=api.url,
        flows=tuple(_of(api, one, waiting, now) for _, one in sorted(found.items())),
        missing=tuple(sorted(wanted.keys() - found.keys())),
        last_poll_at=api.last_poll(),
    )


def _of(api: Api, found: Found, waiting: Sequence[WaitingRun], now: datetime) -> FlowHealth:
    mine = [run for run in waiting if run.deployment_id == found.id]
    return FlowHealth(
        found.deployment.name,
        active=not found.paused and found.deployment.is_scheduled,
        next_run_at=next((run.due_at for run in mine if not run.taken), None),
        last_run=api.last_run(found.id),
        stuck=next((run for run in mine if run.due_at < now - BEGUN_WITHIN), None),
    )
