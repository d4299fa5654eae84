"""What a Prefect server has of ours, asked over its API."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple

from retention.domain.errors import ConfigError
from retention.scheduling.declared import TAG, Clock, Deployment
from retention.scheduling.differences import Found

POOL = "retention"
_PAGE = 200
_STEP = "prefect.deployments.steps.set_working_directory"
_NEEDS_API = "Start 'retention serve', or set PREFECT_API_URL to a server that answers."


class LastRun(NamedTuple):
    """The newest run of a deployment that has ended, and how."""

    state: str
    ended_at: datetime


class WaitingRun(NamedTuple):
    """A run that has not begun: whose, when it is due, and whether a worker has taken it."""

    deployment_id: str
    due_at: datetime
    taken: bool


@contextmanager
def connected() -> Iterator["Api"]:
    """Yield the API of the server that PREFECT_API_URL names. Raises ConfigError when it is not."""
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_URL

    url = PREFECT_API_URL.value()
    if not url:
        raise ConfigError("Prefect", "no server is known", _NEEDS_API)
    with get_client(sync_client=True) as client:
        error = client.api_healthcheck()
        if error is not None:
            raise ConfigError(f"Prefect at {url}", f"does not answer: {error}", _NEEDS_API)
        yield Api(client, url)


class Api:
    """The few questions and orders that we have for a Prefect server."""

    def __init__(self, client: Any, url: str) -> None:
        self._client, self.url = client, url

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Return the answer to one request, as JSON; None when it has none."""
        answer = self._client.request(method, path, json=body)
        return answer.json() if answer.content else None

    def _all(self, what: str, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
        offset = 0
        while True:
            page = {"limit": _PAGE, "offset": offset}
            rows = self.ask("POST", f"/{what}/filter", body | page)
            yield from rows
            if len(rows) < _PAGE:
                return
            offset += _PAGE

    def deployments(self) -> dict[str, Found]:
        """Return our deployments there, by name."""
        flows = {row["id"]: row["name"] for row in self._all("flows", {})}
        ours = {"deployments": {"tags": {"all_": [TAG]}}}
        rows = self._all("deployments", ours)
        found = [_found(row, flows[row["flow_id"]]) for row in rows]
        return {one.deployment.name: one for one in found}

    def automations(self) -> dict[str, dict[str, Any]]:
        """Return all automations there, by name, as the server writes them."""
        return {row["name"]: row for row in self._all("automations", {})}

    def waiting_runs(self) -> list[WaitingRun]:
        """Return the runs of deployments that have not begun, the first to begin first."""
        body = {"flow_runs": {"state": {"type": {"any_": ["SCHEDULED", "PENDING"]}}},
                "sort": "EXPECTED_START_TIME_ASC"}  # fmt: skip
        found = []
        for row in self._all("flow_runs", body):
            at = row["next_scheduled_start_time"] or row["expected_start_time"]
            if row["deployment_id"] and at:
                taken = row["state_type"] == "PENDING"
                due_at = datetime.fromisoformat(at)
                found.append(WaitingRun(row["deployment_id"], due_at, taken))
        return found

    def last_run(self, deployment_id: str) -> LastRun | None:
        """Return the newest run of a deployment that has ended, or None."""
        ended = ["COMPLETED", "FAILED", "CRASHED", "CANCELLED"]
        body = {
            "flow_runs": {"deployment_id": {"any_": [deployment_id]},
                          "state": {"type": {"any_": ended}}},
            "sort": "END_TIME_DESC",
            "limit": 1,
        }  # fmt: skip
        for row in self.ask("POST", "/flow_runs/filter", body):
            return LastRun(row["state_name"], datetime.fromisoformat(row["end_time"]))
        return None

    def runs(self, which: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the runs of our deployments that a filter of Prefect picks, as the server tells.

        Others may share the server: theirs are none of our business.
        """
        ours = {"deployments": {"tags": {"all_": [TAG]}}}
        return list(self._all("flow_runs", {"flow_runs": which, **ours}))

    def pools(self) -> set[str]:
        """Return the names of the work pools there."""
        return {row["name"] for row in self._all("work_pools", {})}

    def last_poll(self) -> datetime | None:
        """Return when a worker of our pool was heard of last, or None."""
        if POOL not in self.pools():
            return None
        rows = self.ask("POST", f"/work_pools/{POOL}/workers/filter", {"limit": _PAGE})
        heard = [datetime.fromisoformat(r["last_heartbeat_time"]) for r in rows
                 if r["last_heartbeat_time"]]  # fmt: skip
        return max(heard, default=None)


def _found(row: dict[str, Any], flow: str) -> Found:
    steps = row["pull_steps"] or [{}]
    limit = row["global_concurrency_limit"] or {}
    return Found(
        id=row["id"],
        deployment=Deployment(
            name=f"{flow}/{row['name']}",
            entrypoint=row["entrypoint"] or "",
            parameters=row["parameters"],
            limit=limit.get("limit"),
            tags=frozenset(row["tags"]),
            variables=row["job_variables"] or {},
            strategy=(row["concurrency_options"] or {}).get("collision_strategy"),
            schedules={
                s["slug"] or s["id"]: Clock(
                    s["schedule"].get("cron") or "no cron", s["schedule"].get("timezone") or "UTC",
                    s["active"],
                )
                for s in row["schedules"]
            },
        ),
        paused=row["paused"],
        home=steps[0].get(_STEP, {}).get("directory"),
    )  # fmt: skip
