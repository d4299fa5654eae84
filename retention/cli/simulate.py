"""`retention simulate`: play the demo company forward under a config, and under another one."""

import tempfile
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from retention.play.forward import Game, play
from retention.terminal import AsJson, AsOf, emit, make_console, parse_day, print_table

_DAY_ONE = date(2025, 11, 1)
Compare = Annotated[
    Path | None, typer.Option(help="Another config folder, played side by side.", exists=True)
]


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
        rows += [
            (f"effect on those: {state}", *(_shown(c["by_outcome"].get(state)) for c in columns))
            for state in sorted({state for column in columns for state in column["by_outcome"]})
        ]
        title = f"{playbook}: {game.size:,} customers, {game.nights} days"
        print_table(title, ("", *results), rows, right=range(1, len(columns) + 1))
    console.print(
        "The effect is the difference between treated and untreated customers, with its 95 % "
        "interval. Before and after alone proves nothing: bad years are followed by better ones.",
        soft_wrap=True,
    )


def _cell(column: dict[str, Any], name: str) -> str:
    return _shown(column.get(name, column["ended"].get(name, 0)))


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        if value["value"] is None:
            return "too few to say"
        return f"{value['value']:,.0f} ({value['low']:,.0f} to {value['high']:,.0f})"
    return "-" if value is None else f"{value:,}"
