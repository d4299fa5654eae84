"""A company played forward under a config, and what came of it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from retention.terminal import make_console


@dataclass(frozen=True, slots=True)
class Game:
    """What is played: which company, for how long, how often a night, who is held out."""

    size: int
    seed: int
    first: date
    nights: int
    every: int
    holdout: float
    responds: bool = True


def play(game: Game, home: Path, config: Path) -> dict[str, Any]:
    """Play one company under one config in an empty folder; return what came of it."""
    from retention.bootstrap import get_application
    from retention.clock import travel
    from retention.demo.catcher import MailCatcher
    from retention.demo.simulation import new_simulation
    from retention.demo.truth import TrueProfit
    from retention.demo.writers import ParquetWriter, WatchedWriter
    from retention.play.company import DemoCompany, morning_of

    last = game.first + timedelta(days=game.nights)
    shutil.copytree(config, home / "config")
    with MailCatcher(home / "mail") as catcher, _in(home, catcher.port, game):
        simulation = new_simulation(game.seed, game.size, game.first)
        simulation.responds = game.responds
        before, after = (TrueProfit(game.seed, game.size, day) for day in (game.first, last))
        writer = WatchedWriter(ParquetWriter(home / "data"), (before, after))
        company = DemoCompany(simulation, writer, get_application())
        company.write_history()
        with make_console(stderr=True).status("Playing ...") as status:
            for passed in range(game.every, game.nights + 1, game.every):
                night = game.first + timedelta(days=passed)
                status.update(f"Playing {night}, day {passed} of {game.nights} ...")
                with travel(morning_of(night)):
                    company.live_one_week(night, people_work=True)
        return _weigh(company, before, after)


@contextmanager
def _in(home: Path, port: int, game: Game) -> Iterator[None]:
    """Point this process at a folder of its own for a while."""
    from retention import bootstrap as workshop
    from retention.environment import kept_environment
    from retention.play.story import point_at

    try:
        with kept_environment():
            point_at(home, port)
            _hold_out(home / "config" / "guards.yaml", game)
            yield
    finally:
        workshop.reset()


def _hold_out(guards: Path, game: Game) -> None:
    """A simulation compares with untreated customers, and its nights are days apart."""
    import yaml

    document = yaml.safe_load(guards.read_text("utf-8"))
    document["holdout"] = {"salt": "simulate", "restore": game.holdout, "retain": game.holdout}
    limits = document["limits"]
    limits["gap_days"] = max(limits.get("gap_days", 7), game.every)
    document["canary"] = {"above": 1_000_000}
    guards.write_text(yaml.safe_dump(document), "utf-8")


def _weigh(company: Any, before: Any, after: Any) -> dict[str, Any]:
    """Return each playbook's outcomes, and its effect on true profit with its interval."""
    from retention.db.session import reading
    from retention.demo.effort import cost_of, hours_of
    from retention.domain.holdouts import Arm
    from retention.domain.stages import PlaybookName
    from retention.reports.case_outcomes import final_states, outcomes_of
    from retention.reports.programme_effect import compare_arms

    found = {}
    for playbook in PlaybookName:
        with reading(company.shop.engine) as session:
            outcomes = outcomes_of(session, playbook)
        changes = {}
        for arm in Arm:
            rows = [int(customer[1:]) for customer in outcomes.of(arm)]
            changes[arm] = after.profit[rows] - before.profit[rows]
        treated = len(changes[Arm.TREATED])
        cost = cost_of(outcomes.decisions, outcomes.messages) / max(treated, 1)
        gross = compare_arms(changes[Arm.TREATED], changes[Arm.HOLDOUT])
        net = compare_arms(changes[Arm.TREATED] - cost, changes[Arm.HOLDOUT])
        with reading(company.shop.engine) as session:
            states = final_states(session, playbook)
        by_outcome = {
            state: compare_arms(
                after.profit[rows] - before.profit[rows], changes[Arm.HOLDOUT]
            ) | {"customers": len(rows)}
            for state in sorted({state for state, _ in states.values()})
            if (rows := [int(c[1:]) for c, (s, _) in states.items() if s == state])
        }  # fmt: skip
        found[playbook.value] = {
            "by_outcome": by_outcome,
            "turned_and_terminated": sum(
                state == "terminated" and company.turned.get(c, closed_on) < closed_on
                for c, (state, closed_on) in states.items()
            ),
            "treated": treated,
            "held_out": len(changes[Arm.HOLDOUT]),
            "ended": outcomes.ended,
            "still_open": outcomes.still_open,
            "messages_per_customer": round(outcomes.messages / max(treated, 1), 2),
            "hours": round(hours_of(outcomes.decisions), 1),
            "cost_per_customer": round(cost, 2),
            "before_and_after": _mean(changes[Arm.TREATED]),
            "untreated_before_and_after": _mean(changes[Arm.HOLDOUT]),
            "effect": gross,
            "net_effect": net,
        }
    return found


def _mean(values: Any) -> float | None:
    return round(float(values.mean()), 2) if len(values) else None
