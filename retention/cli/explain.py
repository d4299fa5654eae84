"""`retention explain CUSTOMER`: the sums behind the verdict, and the case with its reasons."""

from typing import Annotated, Any

import typer

from retention.cli.output import AsJson, AsOf, emit, make_console, parse_day, print_table

_BAR = 20


def explain(
    customer: Annotated[str, typer.Argument(help="The customer's id, exactly as in the data.")],
    as_of: AsOf = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Explain one customer: why this verdict, which case, and what it waits for."""
    from retention.db import schema
    from retention.db.session import reading
    from retention.domain.errors import NotFoundError
    from retention.services.explain import explain as explain_customer
    from retention.workshop import get_workshop

    shop = get_workshop()
    if not schema.exists(shop.engine):
        raise NotFoundError("snapshots", "no night has run yet", "Run 'retention run' first.")
    with reading(shop.engine) as session:
        found = explain_customer(session, shop.places.snapshots, customer, parse_day(as_of))
    if as_json:
        emit({"customer": found})
    else:
        _show(found)


def _show(found: dict[str, Any]) -> None:
    from rich.markup import escape

    console = make_console()
    reasons = ", ".join(found["reasons"]) or "no particular reason"
    console.print(
        f"[bold]{found['customer_id']}[/] {escape(found['name'])} is [bold]{found['fit']}[/] "
        f"({found['archetype'] or 'no pattern'}) as of {found['as_of']}: {reasons}."
    )
    for sum_ in found["sums"]:
        if sum_["total"] is None:
            console.print(f"{sum_['name']}: no_data")
        elif any(float(value) for value in sum_["parts"].values()):
            _waterfall(sum_)
        else:
            console.print(f"{sum_['name']}: {sum_['total']}, nothing adds to it")
    for case in found["cases"]:
        rows = [(e["on"], e["what"], e["stage"], e["reason"], e["actor"]) for e in case["history"]]
        title = f"{case['playbook']}: {case['state']}, stage {case['stage']}"
        waits = f", waiting: {case['waiting_for']}" if case["waiting_for"] else ""
        print_table(title + waits, ("on", "what", "stage", "reason", "by"), rows)


def _waterfall(sum_: dict[str, Any]) -> None:
    from retention.domain.scores import BY_NAME

    parts = {name: float(value) for name, value in sum_["parts"].items()}
    largest = max(abs(value) for value in parts.values())
    rows = [
        (BY_NAME[name].meaning, sum_["parts"][name], _bar(value / largest), name)
        for name, value in parts.items()
    ]
    rows.append(("= the sum", sum_["total"], "", sum_["name"]))
    total = BY_NAME[sum_["name"]]
    title = f"{sum_['name']}: {total.meaning}"
    print_table(title, ("part", "amount", "", "column"), rows, right=(1,))


def _bar(share: float) -> str:
    length = round(abs(share) * _BAR)
    return ("+" if share > 0 else "-") * length
