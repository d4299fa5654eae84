"""`retention simulate`: play the demo company forward under a config, and under another one."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from retention.terminal import AsJson, AsOf, emit, make_console, parse_day, print_table

_DAY_ONE = date(2025, 11, 1)
Compare = Annotated[
    Path | None, typer.Option(help="Another config folder, played side by side.", exists=True)
]


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


def simulate(
    nights: Annotated[int, typer.Option(min=30, max=1100, help="How many days to play.")] = 365,
    every: Annotated[int, typer.Option(min=1, max=14, help="Days from night to night.")] = 7,
    size: Annotated[int, typer.Option(min=50, max=100_000, help="Customers.")] = 1000,
    seed: Annotated[int, typer.Option(help="Another seed, another company.")] = 1,
    holdout: Annotated[float, typer.Option(min=0.05, max=0.5, help="Share left untreated.")] = 0.3,
    first: AsOf = None,
    compare: Compare = None,
    *,
    no_response: Annotated[
        bool, typer.Option("--no-response", help="A company where nothing has any effect.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Play the demo company forward and compare treated with untreated customers."""
    from retention.settings import get_settings

    day = parse_day(first) or _DAY_ONE
    game = Game(size, seed, day, nights, every, holdout, responds=not no_response)
    configs = {"this config": get_settings().config_dir}
    if compare is not None:
        configs[str(compare)] = compare
    results = {}
    for name, config in configs.items():
        with tempfile.TemporaryDirectory(prefix="retention-simulate-") as home:
            results[name] = play(game, Path(home), config)
    if as_json:
        emit({"simulated": results})
    else:
        _show(results, game)


def play(game: Game, home: Path, config: Path) -> dict[str, Any]:
    """Play one company under one config in an empty folder; return what came of it."""
    from retention.bootstrap import get_workshop
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
        company = DemoCompany(simulation, writer, get_workshop())
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
    from retention.play.story import point_at
    from retention.settings import kept_environment

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
    from retention.reports.case_outcomes import outcomes_of
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
        found[playbook.value] = {
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


_ROWS = (
    ("treated", "customers treated"),
    ("held_out", "customers left untreated"),
    ("restored", "restored"),
    ("migrated", "migrated"),
    ("terminated", "terminated"),
    ("self_churned", "left by themselves"),
    ("cleared", "cleared: our own fault"),
    ("still_open", "still on the ladder"),
    ("messages_per_customer", "messages per customer"),
    ("hours", "hours of people"),
    ("before_and_after", "treated, before and after"),
    ("untreated_before_and_after", "untreated, before and after"),
    ("effect", "effect on a customer's yearly profit"),
    ("net_effect", "the same, less what it took"),
)


def _show(results: dict[str, dict[str, Any]], game: Game) -> None:
    console = make_console()
    for playbook in next(iter(results.values())):
        columns = [found[playbook] for found in results.values()]
        rows = [(text, *(_cell(column, name) for column in columns)) for name, text in _ROWS]
        title = f"{playbook}: {game.size:,} customers, {game.nights} days"
        print_table(title, ("", *results), rows, right=range(1, len(columns) + 1))
    console.print(
        "The effect is the difference between treated and untreated customers, with its 95 % "
        "interval. Before and after alone proves nothing: bad years are followed by better ones.",
        soft_wrap=True,
    )


def _cell(column: dict[str, Any], name: str) -> str:
    value = column.get(name, column["ended"].get(name, 0))
    if isinstance(value, dict):
        if value["value"] is None:
            return "too few to say"
        return f"{value['value']:,.0f} ({value['low']:,.0f} to {value['high']:,.0f})"
    return "-" if value is None else f"{value:,}"
