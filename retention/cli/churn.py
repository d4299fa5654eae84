"""`retention churn`: fit and back-test, from a labelled table or from the company's own past."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from retention.terminal import AsJson, AsOf, emit, make_console, parse_day, print_table

if TYPE_CHECKING:
    from retention.learning.train import Learnt

app = typer.Typer(help="Who is about to leave: fit and back-test.", no_args_is_help=True)

SOURCES = "sources"
REFUSED = 4
Data = Annotated[
    str, typer.Option("--data", metavar="FILE|sources", help="A labelled CSV or Parquet file, or "
                      "'sources' for contract ends and inactivity in the company's own data.")
]  # fmt: skip
Label = Annotated[str | None, typer.Option(help="The column that says who left (a file needs it).")]
Id = Annotated[str | None, typer.Option("--id", help="The column that names the customer.")]
Cost = Annotated[
    str | None, typer.Option("--cost-column", help="What each customer is worth: adds profit.")
]
Cut = Annotated[
    str | None, typer.Option(metavar="YYYY-MM-DD", help="Nothing after this day was known.")
]


@app.command("backtest")
def backtest(
    data: Data,
    label: Label = None,
    id_column: Id = None,
    cost_column: Cost = None,
    cut: Cut = None,
    as_of: AsOf = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Say how good a model would be on customers it has not seen. Keeps nothing."""
    learnt, _ = _learn(data, label, id_column, cost_column, cut, as_of)
    _show(learnt, as_json=as_json)


@app.command("fit")
def fit(
    data: Data,
    label: Label = None,
    id_column: Id = None,
    cost_column: Cost = None,
    cut: Cut = None,
    as_of: AsOf = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Back-test, and keep the model when it has skill; from then on nights use one of 'sources'."""
    from retention.learning.train import keep
    from retention.settings import get_settings

    learnt, data_hash = _learn(data, label, id_column, cost_column, cut, as_of)
    learnt = keep(get_settings().models_dir, learnt, data_hash)
    _show(learnt, as_json=as_json)
    if not learnt.backtest.accepted:
        raise typer.Exit(REFUSED)


def _learn(
    data: str,
    label: str | None,
    id_column: str | None,
    cost_column: str | None,
    cut: str | None,
    as_of: str | None,
) -> "tuple[Learnt, str]":
    from retention.clock import business_date
    from retention.learning import train as learning
    from retention.settings import get_settings

    day = parse_day(as_of) or business_date(get_settings().timezone)
    with make_console(stderr=True).status("Learning ..."):
        if data == SOURCES:
            from retention.bootstrap import get_application

            shop = get_application()
            return learning.learn_churn(shop.policies, shop.folders, day, from_sources=True)
        if label is None:
            raise typer.BadParameter("a file needs --label: the column that says who left")
        return learning.learn_from_table(
            Path(data),
            label,
            day,
            id_column=id_column,
            cost_column=cost_column,
            cut=parse_day(cut),
        )


def _show(learnt: "Learnt", *, as_json: bool) -> None:
    found = learnt.as_json()
    if as_json:
        emit({"churn": found})
        return
    console = make_console()
    verdict = "[bold]accepted[/]" if found["accepted"] else "[bold]refused[/]"
    console.print(f"{verdict}: {found['reason']}.", soft_wrap=True)
    print_table("Back-test", ("measure", "value"), _measures(found), right=(1,))
    if found["calibration"]:
        rows = [(r["customers"], r["predicted"], r["seen"]) for r in found["calibration"]]
        print_table("Calibration", ("customers", "predicted", "seen"), rows, right=(0, 1, 2))
    for name, reason in found["left_out"].items():
        console.print(f"left out: {name}, {reason}", soft_wrap=True, markup=False)
    if found["file"]:
        console.print(f"kept as {found['file']}")


def _measures(found: dict[str, Any]) -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = [("rows", found["rows"]), ("left", found["positives"])]
    rows.append(("exact duplicate rows, kept once", found["duplicate_rows"]))
    if found["auc"] is None:
        return rows
    low, high = found["auc_interval"]
    rows += [
        ("AUC, mean of five folds", f"{found['auc']} ± {found['auc_spread']}"),
        ("AUC, 95 % interval", f"{low} to {high}"),
        ("AUC of a logistic regression", found["baseline_auc"] or "-"),
        ("Brier", f"{found['brier']} (always the mean: {found['brier_of_the_mean']})"),
        ("lift of the top tenth", found["top_decile_lift"]),
    ]
    names = {"maximum_profit": "expected maximum profit", "profit_by_value": "profit by own value"}
    for key, name in names.items():
        if found[key]:
            rows.append((f"{name}, per customer", found[key]["profit"]))
            rows.append(("  treating everybody", found[key]["everybody"]))
            rows.append(("  treating nobody", found[key]["nobody"]))
    return rows
