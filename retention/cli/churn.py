"""`retention churn`: fit and back-test, from a labelled table or from the company's own past."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from retention.cli.backtest_printing import show_backtests, show_receipt
from retention.terminal import AsJson, AsOf, make_console, parse_day

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
    str | None, typer.Option("--cost-column", help="What treating each customer costs.")
]
Benefit = Annotated[
    str | None, typer.Option("--benefit-column", help="What each customer is worth when kept.")
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
    benefit_column: Benefit = None,
    cut: Cut = None,
    as_of: AsOf = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Say how good a model would be on customers it has not seen. Keeps nothing."""
    learnt, _ = _learn(data, (label, id_column, cost_column, benefit_column), cut, as_of)
    show_backtests([learnt], "left", as_json=as_json)


@app.command("fit")
def fit(
    data: Data,
    label: Label = None,
    id_column: Id = None,
    cost_column: Cost = None,
    benefit_column: Benefit = None,
    cut: Cut = None,
    as_of: AsOf = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Back-test, and keep the model when it has skill; from then on nights use one of 'sources'."""
    from retention.learning.train import keep
    from retention.settings import get_settings

    learnt, data_hash = _learn(data, (label, id_column, cost_column, benefit_column), cut, as_of)
    learnt = keep(get_settings().models_dir, learnt, data_hash)
    show_backtests([learnt], "left", as_json=as_json)
    if not learnt.backtest.accepted:
        raise typer.Exit(REFUSED)


@app.command("rules")
def rules(as_of: AsOf = None, *, as_json: AsJson = False) -> None:
    """Say whether the rule of 'retain', and each of its signs, picked those who left. Keeps it."""
    from retention.bootstrap import get_application
    from retention.clock import business_date
    from retention.domain.errors import NotFoundError
    from retention.domain.stages import PlaybookName
    from retention.learning.entry_rules import backtest_entry, keep_receipt
    from retention.learning.past import looking_back
    from retention.settings import get_settings

    day = parse_day(as_of) or business_date(get_settings().timezone)
    shop = get_application()
    retain = shop.policies.playbooks.get(PlaybookName.RETAIN)
    if retain is None:
        raise NotFoundError(
            "playbook 'retain'", "does not exist", "Add config/playbooks/retain.yaml."
        )
    with (
        make_console(stderr=True).status("Looking back ..."),
        looking_back(shop.policies, shop.folders, day, from_sources=True) as past,
    ):
        receipt = backtest_entry(retain, past, day)
    keep_receipt(shop.folders.models, receipt)
    show_receipt(receipt, as_json=as_json)


def _learn(
    data: str, columns: tuple[str | None, ...], cut: str | None, as_of: str | None
) -> "tuple[Learnt, str]":
    from retention.clock import business_date
    from retention.learning import train as learning
    from retention.learning.table import Columns
    from retention.settings import get_settings

    day = parse_day(as_of) or business_date(get_settings().timezone)
    with make_console(stderr=True).status("Learning ..."):
        if data == SOURCES:
            from retention.bootstrap import get_application
            from retention.learning.past import looking_back

            shop = get_application()
            with looking_back(shop.policies, shop.folders, day, from_sources=True) as past:
                return learning.learn_churn(shop.policies, shop.folders, day, past)
        label, *others = columns
        if label is None:
            raise typer.BadParameter("a file needs --label: the column that says who left")
        return learning.learn_from_table(
            Path(data), Columns(label, *others), day, parse_day(cut)
        )  # fmt: skip
