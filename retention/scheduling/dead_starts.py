"""Runs that were killed as they started, before they could say anything.

One that a worker had taken stays so for ever, and whatever comes after it in its queue waits. So it
is crashed, and the long ones, whose next date is far away, are ordered again: once. The same for a
night that died before it had claimed its date: nothing in the database tells of it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from retention.scheduling.server import Api

AGAIN = "retention-again"
"""The tag of a run that was ordered in the place of one that never began."""
_LONG, _NIGHT = "long-run", "kind:nightly"
_DEAD = {"type": "CRASHED", "name": "Crashed", "message": "It was stopped before it began."}
_RECENT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class DeadStart:
    """A run that never began; `again` says that another one was ordered in its place."""

    name: str
    again: bool


def clear(api: Api, silent_since: datetime, claimed_at: datetime | None = None) -> list[DeadStart]:
    """Crash what has been starting since before `silent_since`, and order the long ones again.

    `claimed_at` is when a night was claimed last: one that began later, and before `silent_since`,
    has died. Without it, runs that have begun are left alone.
    """
    found = list(_taken(api, silent_since))
    if claimed_at is not None:
        found += _unclaimed(api, silent_since, claimed_at)
    for row in found:
        if row["state_type"] != _DEAD["type"]:
            api.ask("POST", f"/flow_runs/{row['id']}/set_state", {"state": _DEAD, "force": True})
    return [DeadStart(row["name"], _order_again(api, row)) for row in found]


def _taken(api: Api, silent_since: datetime) -> Iterator[dict[str, Any]]:
    """Yield the runs that a worker has taken and that have not begun."""
    for row in api.runs({"state": {"type": {"any_": ["PENDING"]}}}):
        if datetime.fromisoformat(row["state"]["timestamp"]) <= silent_since:
            yield row


def _unclaimed(api: Api, silent_since: datetime, claimed_at: datetime) -> Iterator[dict[str, Any]]:
    """Yield the newest night that has begun, when it has died before it claimed its date."""
    recent = {"after_": (silent_since - _RECENT).isoformat()}
    found = api.runs({"tags": {"all_": [_NIGHT]}, "start_time": recent})
    begun = [row for row in found if row["start_time"]]
    for row in sorted(begun, key=lambda row: str(row["start_time"]))[-1:]:
        began = datetime.fromisoformat(row["start_time"])
        if row["state_type"] in ("RUNNING", "CRASHED") and claimed_at < began <= silent_since:
            yield row


def _order_again(api: Api, row: dict[str, Any]) -> bool:
    if _LONG not in row["tags"] or AGAIN in row["tags"]:
        return False
    ordered = {"parameters": row["parameters"], "tags": [*row["tags"], AGAIN]}
    api.ask("POST", f"/deployments/{row['deployment_id']}/create_flow_run", ordered)
    return True
