"""Bring a Prefect server to what the files say, and leave alone what people did there."""

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

from retention.domain.errors import ConfigError
from retention.scheduling.declared import read_automations, read_deployments
from retention.scheduling.differences import (
    Difference,
    Found,
    Kind,
    compare,
    compare_automations,
)
from retention.scheduling.server import POOL, Api

_MARK = re.compile(r"\[retention ([0-9a-f]{12})\]")


class Files:
    """The two files that say what a server should have, and the folder its runs work in."""

    def __init__(self, deployments: Path, automations: Path, home: Path) -> None:
        self.path, self.home = deployments, home
        self.deployments = read_deployments(deployments)
        self.automations = read_automations(automations)

    @classmethod
    def of(cls, settings: "FileSettings") -> "Files":
        """Return the files that settings name; runs work in the present folder."""
        return cls(settings.deployments_file, settings.automations_file, Path.cwd())


class FileSettings(Protocol):
    """The settings that name the two files."""

    deployments_file: Path
    automations_file: Path


def look(api: Api, files: Files) -> list[Difference]:
    """Return how a server differs from the files."""
    there = {
        name: (_mark_in(row["description"]), row["enabled"])
        for name, row in api.automations().items()
    }
    wanted = {name: _mark_of(given) for name, given in files.automations.items()}
    deployments = compare(files.deployments, api.deployments(), str(files.home))
    return deployments + compare_automations(wanted, there)


def make_pool(api: Api) -> None:
    """Make the work pool unless it is there; one that is there keeps its settings."""
    if POOL not in api.pools():
        api.ask("POST", "/work_pools/", {"name": POOL, "type": "process"})


def apply(
    api: Api, files: Files, differences: Iterable[Difference], env: Mapping[str, str], *,
    resume: bool = False,
) -> None:  # fmt: skip
    """Do away with differences. What is paused by hand stays so, unless `resume`.

    Raises ConfigError with what Prefect said when it refuses a deployment.
    """
    found = list(differences)
    before = api.deployments()
    make_pool(api)
    wrong = {d.name for d in found if d.kind in (Kind.NEW, Kind.CHANGED)}
    if resume:
        wrong |= {d.name for d in found if d.kind is Kind.PAUSED}
    names = sorted(wrong & files.deployments.keys())
    if names:
        _deploy(files, names, env)
    after = api.deployments()
    if not resume:
        for name in names:
            if name in before:
                _pause_again(api, before[name], after[name])
    for name in {d.name for d in found if d.kind is Kind.GONE}:
        api.ask("DELETE", f"/deployments/{before[name].id}")
    for name in sorted(wrong & files.automations.keys()):
        _write_automation(api, files.automations[name], after, resume=resume)


def _deploy(files: Files, names: list[str], env: Mapping[str, str]) -> None:
    asked = [word for name in names for word in ("--name", name.partition("/")[2])]
    done = subprocess.run(
        [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--prefect-file",
         str(files.path), *asked],
        env=dict(env) | {"RETENTION_HOME": str(files.home)}, cwd=files.path.parent,
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise ConfigError(
            str(files.path), "Prefect refuses it: " + " ".join(said[-3:]), "Correct the file."
        )


def _pause_again(api: Api, before: Found, after: Found) -> None:
    """A deployment that is written anew comes with all its schedules active."""
    if before.paused:
        api.ask("POST", f"/deployments/{after.id}/pause_deployment")
    slept = {slug for slug, clock in before.deployment.schedules.items() if not clock.active}
    for row in api.ask("GET", f"/deployments/{after.id}/schedules"):
        if row["slug"] in slept and row["active"]:
            change = {"active": False}
            api.ask("PATCH", f"/deployments/{after.id}/schedules/{row['id']}", change)


def _write_automation(
    api: Api, given: dict[str, Any], deployments: Mapping[str, Found], *, resume: bool
) -> None:
    there = api.automations().get(given["name"])
    document = given | {
        "description": f"{given.get('description', '')} [retention {_mark_of(given)}]".strip(),
        "enabled": there is None or resume or there["enabled"],
        "actions": [_action(given["name"], action, deployments) for action in given["actions"]],
    }
    if there is None:
        api.ask("POST", "/automations/", document)
    else:
        api.ask("PUT", f"/automations/{there['id']}", document)


def _action(where: str, action: dict[str, Any], deployments: Mapping[str, Found]) -> dict[str, Any]:
    """Return an action as the server wants it: a deployment by its id, not by its name."""
    name = action.get("deployment")
    if name is None:
        return action
    if name not in deployments:
        known = ", ".join(sorted(deployments))
        raise ConfigError(f"automation '{where}'", f"there is no deployment '{name}'", known)
    rest = {key: value for key, value in action.items() if key != "deployment"}
    return rest | {"deployment_id": deployments[name].id}


def _mark_of(given: dict[str, Any]) -> str:
    text = json.dumps(given, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _mark_in(description: str | None) -> str:
    found = _MARK.search(description or "")
    return found[1] if found else ""
