"""What `prefect.yaml` and `automations.yaml` want a Prefect server to have."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from retention.domain.errors import ConfigError
from retention.yaml_files import read_text

TAG = "retention"
"""Every deployment of ours carries it, and so every run."""


class Clock(NamedTuple):
    """When a schedule fires: a cron expression in a time zone; `active` says whether it does."""

    cron: str
    timezone: str
    active: bool


@dataclass(frozen=True, slots=True)
class Deployment:
    """A flow that runs by itself; `name` is `flow/deployment`, schedules are known by their slug.

    `limit` is how many of its runs may be at work at once, `strategy` what becomes of one more,
    `variables` are what its worker is told. Automations know runs by their `tags`.
    """

    name: str
    entrypoint: str
    parameters: dict[str, Any]
    limit: int | None
    strategy: str | None
    tags: frozenset[str] = frozenset()
    variables: dict[str, Any] = field(default_factory=dict)
    schedules: dict[str, Clock] = field(default_factory=dict)

    @property
    def is_scheduled(self) -> bool:
        """Whether a schedule of it is active."""
        return any(clock.active for clock in self.schedules.values())


def read_deployments(path: Path) -> dict[str, Deployment]:
    """Return the deployments of a `prefect.yaml`, by name. Raises ConfigError."""
    try:
        document = yaml.safe_load(read_text(path))
        return {made.name: made for made in map(_deployment, document["deployments"])}
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            str(path),
            f"is no list of deployments ({type(error).__name__}: {error})",
            "Each needs a name, an entrypoint and schedules with slug, cron and timezone.",
        ) from error


def _deployment(given: dict[str, Any]) -> Deployment:
    flow = given["entrypoint"].rpartition(".")[2]
    limit = given.get("concurrency_limit") or {}
    return Deployment(
        name=f"{flow}/{given['name']}",
        entrypoint=given["entrypoint"],
        parameters=given.get("parameters") or {},
        limit=limit.get("limit"),
        strategy=limit.get("collision_strategy"),
        tags=frozenset(given.get("tags") or []),
        variables=(given.get("work_pool") or {}).get("job_variables") or {},
        schedules={
            s["slug"]: Clock(s["cron"], s["timezone"], s.get("active", True))
            for s in given.get("schedules") or []
        },
    )


def read_automations(path: Path) -> dict[str, dict[str, Any]]:
    """Return the automations of a file, by name. Raises ConfigError."""
    try:
        document = yaml.safe_load(read_text(path))
        return {given["name"]: given for given in document["automations"]}
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise ConfigError(
            str(path),
            f"is no list of automations ({type(error).__name__}: {error})",
            "Each needs a name, a trigger and actions.",
        ) from error
