"""Counterfactuals: the smallest change alters the outcome, and nothing smaller does."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retention.domain.scores import BY_NAME, parts_of
from retention.playbooks.counterfactual import smallest_changes
from retention.scoring.rules import VERDICTS

FIT = "CASE " + " ".join(f"WHEN {sql} THEN '{name}'" for name, sql in VERDICTS.items()) + " END"


def customer(**scores: Any) -> dict[str, Any]:
    return {**dict.fromkeys(BY_NAME), "tenure_days": 1000, **scores}


def with_profit(revenue: float, service: float, spread: float) -> dict[str, Any]:
    parts = dict.fromkeys(parts_of("net_profit_12m"), 0.0)
    parts |= {"revenue_12m": revenue, "profit_service": -service}
    likely = revenue - service
    return customer(
        **parts, net_profit_12m=likely, net_profit_12m_low=likely - spread,
        net_profit_12m_high=likely + spread, payment_index=0,
    )  # fmt: skip


def test_the_smallest_change_is_named_with_what_it_becomes() -> None:
    changes = {c.becomes: c for c in smallest_changes(FIT, with_profit(1000.0, 1150.0, 50.0))}
    fixable = changes["fixable"]
    # 100.00 are missing until the high end is no loss: less service is the smaller part of it.
    assert (fixable.column, fixable.now, fixable.value) == ("profit_service", -1150.0, -1050.0)
    assert fixable.relative == pytest.approx(100 / 1150)
    assert changes["good"].value == -950.0


def test_nothing_is_proposed_that_cannot_be() -> None:
    row = with_profit(1000.0, 1150.0, 50.0)
    for change in smallest_changes(FIT, row):
        if change.column.startswith("profit_"):
            assert change.value <= 0
        assert change.column != "net_profit_12m"


def test_a_flag_may_flip() -> None:
    found = smallest_changes(
        "NOT strategic AND tickets_12m > 3", customer(strategic=True, tickets_12m=9)
    )
    assert [(c.column, c.value, c.becomes) for c in found] == [("strategic", False, True)]


def test_no_single_change_is_an_answer() -> None:
    row = customer(strategic=True, vulnerable=True)
    assert smallest_changes("NOT strategic AND NOT vulnerable", row) == []


@pytest.mark.parametrize(
    ("condition", "now", "value"),
    [
        ("tickets_12m > 5", 9, 5),
        ("tickets_12m >= 5", 9, 4),
        ("tickets_12m < 5", 2, 5),
        ("tickets_12m <= 5", 2, 6),
        ("10 < tickets_12m", 4, 11),
        ("tickets_12m > 2 * complaints_12m", 9, 8),
    ],
)
def test_the_edge_of_each_comparison(condition: str, now: int, value: int) -> None:
    row = customer(tickets_12m=now, complaints_12m=4)
    found = smallest_changes(condition, row)
    assert (found[0].column, found[0].value) in {("tickets_12m", value), ("complaints_12m", 5)}


@settings(max_examples=40, deadline=None)
@given(revenue=st.integers(1, 10_000), service=st.integers(0, 10_000), spread=st.integers(0, 500))
def test_every_change_really_alters_the_fit(revenue: int, service: int, spread: int) -> None:
    row = with_profit(float(revenue), float(service), float(spread))
    for change in smallest_changes(FIT, row):
        if change.column not in parts_of("net_profit_12m"):
            continue
        delta = change.value - row[change.column]
        low, high = row["net_profit_12m_low"] + delta, row["net_profit_12m_high"] + delta
        expected = "poor" if round(high, 2) < 0 else "fixable" if round(low, 2) < 0 else "good"
        assert change.becomes == expected
