"""Every command of `retention`, and where it is; one is imported when it is asked for.

Whoever lists the queue does not wait for what serves, sends or draws.
"""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command, get_group

COMMANDS = {
    "demo": "demo.demo",
    "init": "init.init",
    "run": "run.run",
    "plan": "plan.plan",
    "apply": "plan.apply",
    "deliver": "deliver.deliver",
    "explain": "explain.explain",
    "measure": "measure.measure",
    "simulate": "simulate.simulate",
    "report": "report.report",
    "replay": "replay.replay",
    "doctor": "doctor.doctor",
    "serve": "serve.serve",
    "nights": "nights.app",
    "queue": "queue.app",
    "template": "template.app",
    "inbox": "inbox.app",
    "outbox": "outbox.app",
    "churn": "churn.app",
    "late": "late.app",
    "gate": "gate.app",
    "hold": "hold.app",
    "address": "address.app",
    "offer": "offer.offers_app",
    "handover": "handover.handovers_app",
    "waiver": "waiver.waivers_app",
    "batch": "batch.batches_app",
    "team": "team.team_app",
    "ops": "ops.ops_app",
    "audit": "audit.app",
    "console": "console.app",
    "events": "events.events_app",
    "webhook": "events.webhooks_app",
}
"""Each command, or group of them, with the module and the name of what serves it."""

_ALSO = {"queue": ("queue_deciding", "queue_calls_letters")}
"""Modules that add commands of their own to a group."""


class _Commands(Mapping[str, Any]):
    """The commands by name; a value is made when it is read."""

    def __getitem__(self, name: str) -> Any:
        module, attribute = COMMANDS[name].split(".")
        found = getattr(import_module(f"{__package__}.{module}"), attribute)
        for other in _ALSO.get(name, ()):
            import_module(f"{__package__}.{other}")
        if not isinstance(found, typer.Typer):
            alone = typer.Typer(add_completion=False)
            alone.command(name)(found)
            return get_command(alone)
        group = get_group(found)
        group.name = name
        return group

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


class Lazily(TyperGroup):
    """A group whose commands are imported when they are asked for."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.commands = _Commands()  # type: ignore[assignment]

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        """Return all names, in the order of a programme's life."""
        del ctx
        return list(self.commands)
