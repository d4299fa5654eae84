"""Measures of probabilities, checked by hand and against simulation."""

import numpy as np
import pytest

from retention.learning.measures import (
    Campaign,
    auc,
    auc_interval,
    brier,
    calibration_table,
    maximum_profit,
    profit_by_value,
    top_decile_lift,
)


def test_auc_counts_pairs_and_ties_count_half() -> None:
    label = np.array([1, 1, 0, 0, 0])
    score = np.array([0.9, 0.5, 0.5, 0.4, 0.95])
    # 0.9 beats two of three, 0.5 beats one and ties with one.
    assert auc(label, score) == pytest.approx((2 + 1.5) / 6)


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(8)
    covered = 0
    for _ in range(200):
        label = (rng.random(400) < 0.3).astype(int)
        low, high = auc_interval(label, rng.normal(label * 1.0, 1.0))
        covered += low <= 0.7602 <= high  # a shift of one deviation
    assert 0.9 <= covered / 200 <= 0.99


def test_brier_and_lift_by_hand() -> None:
    label = np.array([1, 0] * 10)
    assert brier(label, np.full(20, 0.5)) == 0.25
    assert top_decile_lift(label, label.astype(float)) == 2.0


def test_calibration_shows_what_was_said_and_what_happened() -> None:
    label = np.repeat([0, 1], 50)
    table = calibration_table(label, np.linspace(0, 1, 100))
    assert [row["customers"] for row in table] == [10] * 10
    assert [row["seen"] for row in table] == [0.0] * 5 + [1.0] * 5


def test_a_perfect_model_treats_exactly_those_who_leave() -> None:
    label = np.array([1] * 30 + [0] * 70)
    campaign = Campaign()
    found = maximum_profit(label, label.astype(float), campaign)
    # 0.3 accept on average: 0.3 * (200 - 10) - 1 for each of the 30.
    assert found["profit"] == pytest.approx(0.3 * (0.3 * 190 - 1), rel=1e-3)
    assert found["everybody"] == pytest.approx(0.3 * (0.3 * 190 - 1) - 0.7 * 11, rel=1e-3)
    assert found["nobody"] == 0.0


def test_no_profit_is_better_than_a_loss() -> None:
    label = np.array([1] + [0] * 999)
    found = maximum_profit(label, np.random.default_rng(1).random(1000), Campaign(value=12.0))
    assert found["profit"] >= 0.0
    assert found["everybody"] < 0.0


def test_valuable_customers_are_treated_at_a_lower_risk() -> None:
    label = np.array([1, 0, 1, 0])
    value = np.array([1000.0, 1000.0, 20.0, 20.0])
    found = profit_by_value(label, np.full(4, 0.2), Campaign(), value)
    assert found["share_treated"] == 0.5
    assert found["profit"] == pytest.approx((0.3 * 990 - 1 - 11) / 4)
