"""`retention late`: which invoices are paid very late or disputed; fit and back-test."""

from typing import TYPE_CHECKING

import typer

from retention.cli.backtest_printing import show_backtests
from retention.terminal import AsJson, AsOf, make_console, parse_day

if TYPE_CHECKING:
    from retention.learning.train import Learnt

app = typer.Typer(
    help="Which invoices are paid very late or disputed: fit and back-test.", no_args_is_help=True
)
REFUSED = 4


@app.command("backtest")
def backtest(as_of: AsOf = None, *, as_json: AsJson = False) -> None:
    """Say how well both are known when an invoice is issued. Keeps nothing."""
    learnt = [one for one, _ in _learn(as_of).values()]
    show_backtests(learnt, "paid very late", as_json=as_json)


@app.command("fit")
def fit(as_of: AsOf = None, *, as_json: AsJson = False) -> None:
    """Back-test, and keep each model that is better than the customer's own share."""
    from retention.learning.train import keep
    from retention.settings import get_settings

    root = get_settings().models_dir
    kept = [keep(root, one, data_hash) for one, data_hash in _learn(as_of).values()]
    show_backtests(kept, "paid very late", as_json=as_json)
    if not any(one.backtest.accepted for one in kept):
        raise typer.Exit(REFUSED)


def _learn(as_of: str | None) -> "dict[str, tuple[Learnt, str]]":
    from retention.bootstrap import get_application
    from retention.clock import business_date
    from retention.learning.invoices import learn_invoices
    from retention.settings import get_settings

    day = parse_day(as_of) or business_date(get_settings().timezone)
    shop = get_application()
    with make_console(stderr=True).status("Learning ..."):
        return learn_invoices(shop.policies, shop.folders, day)
