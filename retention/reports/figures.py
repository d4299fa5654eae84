"""The report's other charts: who brings and who costs, why, and whom not to acquire."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from retention.reports.charts import Chart, bars, diagonal, pairs, pictures
from retention.reports.whale import whale_chart
from retention.reports.words import Words

_TIERS = ("platinum", "gold", "iron", "lead")
_BUCKETS = ("1_30", "31_60", "61_90", "over_90")
_NOTABLE = 1.25
_SHOWN = 12

Totals = Sequence[tuple[str, int, float]]


@dataclass(frozen=True, slots=True)
class ReportData:
    """What a report is made of. Amounts in currency.

    `tiers` and `archetypes` hold name, customers and net profit; `fit_by` per dimension: value,
    customers, poor fits, of `judged` customers with `poor` poor fits; `ageing` is overdue per
    bucket; `tenths` share of time and of revenue per tenth of the customers, most time first;
    `noticed` what could not be taken from the data as it was.
    """

    as_of: str
    currency: str
    customers: int
    profits: npt.NDArray[np.float64]
    tiers: Totals
    archetypes: Totals
    fit_by: Mapping[str, Sequence[tuple[str, int, int]]]
    ageing: Mapping[str, float]
    tenths: Sequence[tuple[float, float]]
    judged: int
    poor: int
    had_contract: int
    gone: int
    moved: int
    churn: Mapping[str, Any] = field(default_factory=dict)
    entry: Mapping[str, Any] | None = None
    noticed: Sequence[Mapping[str, Any]] = ()


def make_charts(data: ReportData, words: Words) -> list[Chart]:
    """Return every chart of the report, in the order in which they tell the story."""
    return [
        whale_chart(data.profits, words),
        _tiers(data, words),
        _archetypes(data, words),
        _whom_not_to_acquire(data, words),
        _churn(data, words),
        _ageing(data, words),
        _service(data, words),
        _calibration(data, words),
        _entry(data, words),
    ]


def _tiers(data: ReportData, words: Words) -> Chart:
    known = {name: (count, profit) for name, count, profit in data.tiers}
    rows = [(words.of("tier", name), *known[name]) for name in _TIERS if name in known]
    best = [known[name] for name in ("platinum", "gold") if name in known]
    worst = known.get("lead", (0, 0.0))
    title = words.say(
        "tier_title", "report",
        best=words.number(sum(count for count, _ in best)),
        gain=words.amount(sum(profit for _, profit in best), data.currency),
        worst=words.number(worst[0]), loss=words.amount(abs(worst[1]), data.currency),
    )  # fmt: skip
    return _profit_bars("tiers", title, rows, data, words)


def _archetypes(data: ReportData, words: Words) -> Chart:
    rows = [(words.of("archetype", name), n, profit) for name, n, profit in data.archetypes]
    losing = [row for row in rows if row[2] < 0]
    if not losing:
        return Chart("archetypes", words.say("archetype_none", "report"))
    name, count, profit = min(losing, key=lambda row: row[2])
    title = words.say("archetype_title", "report", archetype=name, count=words.number(count),
                      loss=words.amount(abs(profit), data.currency))  # fmt: skip
    return _profit_bars("archetypes", title, rows, data, words)


def _profit_bars(
    key: str, title: str, rows: list[tuple[str, int, float]], data: ReportData, words: Words
) -> Chart:
    if not rows:
        return Chart(key, title)
    marks = [words.amount(profit, data.currency) for _, _, profit in rows]
    label = words.say("net_profit", "report")
    draw = partial(bars, [r[0] for r in rows], [r[2] for r in rows], label, marks, words.number)
    heads = ("", words.say("customers", "report"), label)
    listed = [
        (name, words.number(count), words.amount(profit, data.currency))
        for name, count, profit in rows
    ]
    return Chart(key, title, *pictures(draw), heads, listed)


def _whom_not_to_acquire(data: ReportData, words: Words) -> Chart:
    """Compare the share of poor fits by channel, plan and segment with the average."""
    found = [
        (dimension, value, count, poor)
        for dimension, values in data.fit_by.items()
        for value, count, poor in values
    ]
    average = data.poor / data.judged if data.judged else 0.0
    found.sort(key=lambda row: -row[3] / row[2])
    title = words.say("fit_even", "report")
    if found and average and found[0][3] / found[0][2] >= _NOTABLE * average:
        dimension, value, count, poor = found[0]
        title = words.say(
            "fit_title", "report", dimension=words.say(dimension, "report").capitalize(),
            value=value, share=f"{100 * poor / count:.0f}",
            times=words.number(round(poor / count / average, 1)),
        )  # fmt: skip
    if not found:
        return Chart("fit", title)
    shown = found[:_SHOWN]
    names = [f"{words.say(dimension, 'report')}: {value}" for dimension, value, _, _ in shown]
    shares = [100 * poor / count for *_, count, poor in shown]
    label = words.say("poor_share", "report")
    marks = [f"{words.number(round(share, 1))}\u00a0%" for share in shares]
    draw = partial(bars, names, shares, label, marks, words.number, loss=True)
    heads = ("", words.say("customers", "report"), label)
    rows = [
        (name, words.number(count), words.number(round(100 * poor / count, 1)))
        for name, (*_, count, poor) in zip(names, shown, strict=True)
    ]
    return Chart("fit", title, *pictures(draw), heads, rows)


def _churn(data: ReportData, words: Words) -> Chart:
    """Tell who has gone (absolute loss) from who moved to another of our offers (relative)."""
    if not data.had_contract:
        return Chart("churn", words.say("churn_none", "report"))
    rate = 100 * data.gone / data.had_contract
    title = words.say("churn_title", "report", rate=words.number(round(rate, 1)),
                      moved=words.number(data.moved))  # fmt: skip
    names = [words.say("gone", "report"), words.say("moved", "report")]
    counts = [data.gone, data.moved]
    marks = [words.number(count) for count in counts]
    label = words.say("customers", "report")
    draw = partial(bars, names, counts, label, marks, words.number, loss=True)
    heads = ("", words.say("customers", "report"))
    rows = list(zip(names, marks, strict=True))
    return Chart("churn", title, *pictures(draw), heads, rows)


def _ageing(data: ReportData, words: Words) -> Chart:
    total = sum(data.ageing.values())
    if not total:
        return Chart("ageing", words.say("ageing_none", "report"))
    title = words.say("ageing_title", "report", overdue=words.amount(total, data.currency),
                      share=f"{100 * data.ageing['over_90'] / total:.0f}")  # fmt: skip
    names = [words.say(f"bucket_{bucket}", "report") for bucket in _BUCKETS]
    values = [data.ageing[bucket] for bucket in _BUCKETS]
    marks = [words.amount(value, data.currency) for value in values]
    label = words.say("amount", "report")
    draw = partial(bars, names, values, label, marks, words.number, loss=True)
    return Chart("ageing", title, *pictures(draw), ("", label),
                 list(zip(names, marks, strict=True)))  # fmt: skip


def _service(data: ReportData, words: Words) -> Chart:
    if not data.tenths:
        return Chart("service", words.say("service_none", "report"))
    time, revenue = zip(*data.tenths, strict=True)
    title = words.say("service_title", "report", share=f"{100 * time[0]:.0f}",
                      revenue=f"{100 * revenue[0]:.0f}")  # fmt: skip
    heads = (words.say("share_of_time", "report"), words.say("share_of_revenue", "report"))
    names = [str(n + 1) for n in range(len(time))]
    tenth = words.say("tenth", "report")
    shares = [100 * t for t in time], [100 * r for r in revenue]
    draw = partial(pairs, names, *shares, heads, words.number, tenth)
    rows = [
        (name, words.number(round(100 * t, 1)), words.number(round(100 * r, 1)))
        for name, t, r in zip(names, time, revenue, strict=True)
    ]
    return Chart("service", title, *pictures(draw),
                 (words.say("tenth", "report"), *heads), rows)  # fmt: skip


def _calibration(data: ReportData, words: Words) -> Chart:
    table = data.churn.get("calibration")
    if not table:
        reason = data.churn.get("reason", "-")
        return Chart("calibration", words.say("calibration_none", "report", reason=reason))
    predicted = [100 * row["predicted"] for row in table]
    seen = [100 * row["seen"] for row in table]
    title = words.say(
        "calibration_title", "report", predicted=f"{predicted[-1]:.0f}", seen=f"{seen[-1]:.0f}",
        auc=words.number(round(data.churn["auc"], 2)),
    )  # fmt: skip
    heads = (words.say("predicted", "report"), words.say("seen", "report"))
    draw = partial(diagonal, predicted, seen, heads, words.number)
    rows = [
        (words.number(row["customers"]), words.number(round(p, 1)), words.number(round(s, 1)))
        for row, p, s in zip(table, predicted, seen, strict=True)
    ]
    return Chart("calibration", title, *pictures(draw),
                 (words.say("customers", "report"), *heads), rows)  # fmt: skip


def _entry(data: ReportData, words: Words) -> Chart:
    """Tell whether whom the rule picks is likelier to leave, for the rule and each of its signs."""
    if data.entry is None:
        return Chart("entry", words.say("entry_none", "report"))
    every = (data.entry["whole"], *data.entry["signs"])
    shares = [(_percent(one["left"], one["picked"]), _percent(one["others_left"], one["others"]))
              for one in every]  # fmt: skip
    key = {True: "entry_skill", False: "entry_blind", None: "entry_few"}[every[0]["skill"]]
    title = words.say(key, "report", picked=words.number(round(shares[0][0], 1)),
                      others=words.number(round(shares[0][1], 1)))  # fmt: skip
    heads = (words.say("entry_picked", "report"), words.say("entry_others", "report"))
    whole = words.say("entry_whole", "report")
    names = [whole, *map(str, range(1, len(shares)))]
    sides = [ours for ours, _ in shares], [rest for _, rest in shares]
    draw = partial(pairs, names, *sides, heads, words.number)
    rows = [
        (name, "" if name == whole else words.condition(one["rule"]), *_both(one, both, words))
        for name, one, both in zip(names, every, shares, strict=True)
    ]
    return Chart("entry", title, *pictures(draw),
                 ("", words.say("entry_sign", "report"), *heads,
                  words.say("customers", "report")), rows)  # fmt: skip


def _both(one: Mapping[str, Any], shares: tuple[float, float], words: Words) -> tuple[str, ...]:
    """Both shares and how many were picked; of nobody there is no share."""
    if not one["picked"]:
        return "-", "-", words.number(0)
    return (*(words.number(round(share, 1)) for share in shares), words.number(one["picked"]))


def _percent(part: int, whole: int) -> float:
    return 100 * part / whole if whole else 0.0
