"""How a back-test is shown: the verdict, its measures, its calibration, what was left out."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from retention.terminal import emit, make_console, print_table

if TYPE_CHECKING:
    from retention.learning.entry_rules import EntryReceipt, Picked
    from retention.learning.train import Learnt

_NAMES = {"late_payment": "paid very late", "dispute": "disputed"}
_ROW_KEPT, _ROW_ONCE = "equal rows, all kept: there is no --id", "exact duplicate rows, kept once"
_GAINS = {
    "better_than_rival": "over the own share",
    "better_than_logistic": "over a logistic regression",
    "better_than_incumbent": "over the model in use",
    "better_with_pairs": "by pairs of columns",
    "better_with_a_curve": "by a curve",
}


def show_backtests(learnt: "Iterable[Learnt]", happened: str, *, as_json: bool) -> None:
    """Print what came of learning; `happened` says what a positive row is."""
    found = [one.as_json() for one in learnt]
    if as_json:
        # A table's own name is no key that anybody could know beforehand.
        emit({one["kind"] if one["kind"] in _NAMES else "churn": one for one in found})
        return
    for one in found:
        _show(one, _NAMES.get(one["kind"], happened))


def _show(found: dict[str, Any], happened: str) -> None:
    console = make_console()
    verdict = "[bold]accepted[/]" if found["accepted"] else "[bold]refused[/]"
    about = f"{happened}: " if found["kind"] in _NAMES else ""
    console.print(f"{about}{verdict}: {found['reason']}.", soft_wrap=True)
    print_table("Back-test", ("measure", "value"), _measures(found, happened), right=(1,))
    if found["calibration"]:
        rows = [(r["customers"], r["predicted"], r["seen"]) for r in found["calibration"]]
        print_table("Calibration", ("rows", "predicted", "seen"), rows, right=(0, 1, 2))
        console.print(f"Calibration: {found['calibration_words']}.", soft_wrap=True, markup=False)
    if found["pairs"]:
        console.print(f"pairs of columns: {', '.join(found['pairs'])}", soft_wrap=True)
    for name, reason in found["left_out"].items():
        console.print(f"left out: {name}, {reason}", soft_wrap=True, markup=False)
    for name, reason in found["suspects"].items():
        console.print(f"used, and suspect: {name}, {reason}", soft_wrap=True, markup=False)
    if found["file"]:
        console.print(f"kept as {found['file']}", soft_wrap=True)


def _measures(found: dict[str, Any], happened: str) -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = [("rows", found["rows"]), (happened, found["positives"])]
    rows.append((_ROW_KEPT if found["duplicates_kept"] else _ROW_ONCE, found["duplicate_rows"]))
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
    for key, name in _GAINS.items():
        if found[key] is not None:
            low, high = found[key]
            rows.append((f"log loss gained {name}", f"{low:+.4f} to {high:+.4f}"))
    return rows + _profits(found)


def _profits(found: dict[str, Any]) -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    names = {"maximum_profit": "expected maximum profit", "profit_by_value": "profit by own value"}
    for key, name in names.items():
        if found[key]:
            rows.append((f"{name}, per customer", found[key]["profit"]))
            rows.append(("  treating everybody", found[key]["everybody"]))
            rows.append(("  treating nobody", found[key]["nobody"]))
    return rows


def show_receipt(receipt: "EntryReceipt", *, as_json: bool) -> None:
    """Print whom an entry rule and its signs would have picked, and how many of them left."""
    if as_json:
        emit({"entry_rule": receipt.as_json()})
        return
    verdict = {True: "has skill", False: "shows no skill", None: "cannot be judged: too few"}
    console = make_console()
    console.print(
        f"The entry rule of {receipt.playbook} {verdict[receipt.whole.skill]}.", soft_wrap=True
    )
    rows = [_picked("the whole rule", receipt.whole)]
    rows += [_picked(sign.rule, sign) for sign in receipt.signs]
    heads = ("rule", "picked", "left", "others left", "more often, points", "skill")
    print_table("Within 90 days", heads, rows, right=(1, 2, 3, 4))


def _picked(name: str, found: "Picked") -> tuple[str, ...]:
    more = "-" if found.more is None else " to ".join(f"{100 * end:+.0f}" for end in found.more)
    skill = {True: "yes", False: "no", None: "too few"}[found.skill]
    left, others = (
        f"{part:,} ({part / whole:.0%})" if whole else "-"
        for part, whole in ((found.left, found.picked), (found.others_left, found.others))
    )
    return name, f"{found.picked:,}", left, others, more, skill
