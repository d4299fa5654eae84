"""`retention explain CUSTOMER`: the sums behind the verdict, the evidence, what would change it."""

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer

from retention.terminal import AsJson, AsOf, emit, make_console, parse_day, print_table

if TYPE_CHECKING:
    from retention.reports.words import Words

_BAR = 20
Language = Annotated[str, typer.Option("--language", help="en or es.")]


def explain(
    customer: Annotated[str, typer.Argument(help="The customer's id, exactly as in the data.")],
    as_of: AsOf = None,
    language: Language = "en",
    *,
    as_json: AsJson = False,
) -> None:
    """Explain one customer: why this verdict, on what evidence, and what would change it."""
    from retention.bootstrap import get_application
    from retention.db import schema
    from retention.db.session import reading
    from retention.domain.errors import NotFoundError
    from retention.reports.explain import explain as explain_customer
    from retention.reports.sentences import sentences
    from retention.reports.words import load_words

    shop = get_application()
    words = load_words(shop.settings.templates_dir, language)
    if not schema.prepare(shop.engine):
        raise NotFoundError("snapshots", "no night has run yet", "Run 'retention run' first.")
    with reading(shop.engine) as session:
        found = explain_customer(session, shop.policies, shop.folders, customer, parse_day(as_of))
    if as_json:
        emit({"customer": {**found, "language": language, "sentences": sentences(found, words)}})
    else:
        _show(found, words)


def _show(found: dict[str, Any], words: "Words") -> None:
    from retention.reports.sentences import (
        about_no_case,
        about_profit,
        sentences,
        what_would_change,
    )

    console = make_console()
    for line in sentences(found, words):
        console.print(line, markup=False, soft_wrap=True)
    for sum_ in found["sums"]:
        title = f"{sum_['name']}: {words.meaning(sum_['name'])}"
        if sum_["total"] is None:
            console.print(words.say("no_data", what=title), markup=False, soft_wrap=True)
        elif any(float(value) for value in sum_["parts"].values()):
            _waterfall(sum_, title, words, found["currency"])
            if sum_["name"] == "net_profit_12m":
                for line in about_profit(found, words):
                    console.print(line, markup=False, soft_wrap=True)
        else:
            nothing = words.say("nothing_adds", what=title, total=sum_["total"])
            console.print(nothing, markup=False, soft_wrap=True)
    _tables(found, words)
    for line in (*what_would_change(found, words), *about_no_case(found, words)):
        console.print(line, markup=False, soft_wrap=True)
    for case in found["cases"]:
        rows = [(e["on"], e["what"], e["stage"], e["reason"], e["actor"]) for e in case["history"]]
        title = f"{case['playbook']}: {case['state']}, stage {case['stage']}"
        waits = f", waiting: {case['waiting_for']}" if case["waiting_for"] else ""
        print_table(title + waits, ("on", "what", "stage", "reason", "by"), rows)


def _tables(found: dict[str, Any], words: "Words") -> None:
    currency = found["currency"]
    profits = ("net_profit_low", "net_profit", "net_profit_high")
    if found["months"]:
        rows = [(m["month"], *(words.money(m[p]) for p in profits)) for m in found["months"]]
        heads = tuple(words.say(key) for key in ("month", "low", "likely", "high"))
        print_table(f"{words.say('by_month')}, {currency}", heads, rows, right=(0, 1, 2, 3))
    if len(found["contracts"]) > 1:
        names = ("net_profit_12m_low", "net_profit_12m", "net_profit_12m_high")
        rows = [(c["contract_id"], *(words.money(c[n]) for n in names)) for c in found["contracts"]]
        heads = tuple(words.say(key) for key in ("contract", "low", "likely", "high"))
        print_table(f"{words.say('by_contract')}, {currency}", heads, rows, right=(1, 2, 3))
    if found["churn_reasons"]:
        rows = [
            (
                " x ".join(words.meaning(c["column"]) for c in r["columns"]),
                " x ".join(words.value(c["column"], c["value"]) for c in r["columns"]),
                f"{r['log_odds']:+.3f}",
            )
            for r in found["churn_reasons"]
        ]
        heads = (words.say("part"), words.say("amount"), words.say("log_odds"))
        print_table(words.say("churn_reason"), heads, rows, right=(1, 2))
    if found["evidence"]:
        rows = [
            (words.of("evidence", e["kind"]), e["source"], e["row_id"],
             words.day(e["happened_on"]), _quantity(e, words, currency))
            for e in found["evidence"]
        ]  # fmt: skip
        heads = tuple(words.say(k) for k in ("kind", "source", "row", "happened", "quantity"))
        print_table(words.say("evidence"), heads, rows, right=(4,))
    if found["freshness"]:
        rows = [
            (name, f"{t['rows']:,}", words.day(t["newest"]) if t["newest"] else "-")
            for name, t in found["freshness"].items()
        ]
        heads = tuple(words.say(key) for key in ("source", "rows", "newest"))
        print_table(words.say("freshness"), heads, rows, right=(1,))


def _waterfall(sum_: dict[str, Any], title: str, words: "Words", currency: str) -> None:
    from retention.domain.scores import BY_NAME, Kind

    is_money = BY_NAME[sum_["name"]].kind is Kind.MONEY
    written = words.money if is_money else words.number
    unit = currency if is_money else words.of("unit", "points")
    parts = {name: float(value) for name, value in sum_["parts"].items()}
    largest = max(abs(value) for value in parts.values())
    rows = [
        (words.meaning(name), written(Decimal(sum_["parts"][name])), _bar(value / largest), name)
        for name, value in parts.items()
    ]
    rows.append((words.say("the_sum"), written(Decimal(sum_["total"])), "", sum_["name"]))
    heads = (words.say("part"), f"{words.say('amount')}, {unit}", "", words.say("column"))
    print_table(title, heads, rows, right=(1,))


def _quantity(evidence: dict[str, Any], words: "Words", currency: str) -> str:
    said = words.quantity(evidence["quantity"], evidence["unit"])
    return f"{said} {currency}" if evidence["unit"] == "money" and said != "-" else said


def _bar(share: float) -> str:
    length = round(abs(share) * _BAR)
    return ("+" if share > 0 else "-") * length
