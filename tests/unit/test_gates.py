"""Gates: bands learnt from the last good nights."""

from datetime import date
from typing import Any

import pytest

from retention.domain.dates import WEEKDAYS
from retention.domain.gates import Band, judge
from retention.domain.people_gates import Change, PeopleBand, judge_people


def profile(rows: float = 1000, total: float | None = 5000.0, **empty: float) -> dict[str, Any]:
    return {"rows": rows, "newest": None, "sum": total, "empty": empty}


def test_without_a_past_nothing_can_be_compared() -> None:
    assert judge(profile(rows=1), [], Band()) is None


@pytest.mark.parametrize(
    ("rows", "trips"), [(1000, False), (801, False), (799, True), (1201, True)]
)
def test_rows_may_change_by_a_fifth(rows: int, trips: bool) -> None:
    assert (judge(profile(rows=rows), [profile()], Band()) is not None) is trips


def test_the_message_says_what_was_found_and_what_is_usual() -> None:
    found = judge(profile(rows=500), [profile()], Band())
    assert found == ("500 rows, 1,000 in the last good night: a change of -50%, where 20% is usual")


def test_a_table_that_grows_fast_every_night_does_not_trip() -> None:
    history = [profile(rows=1000 * 1.5**n) for n in range(6, 0, -1)]
    assert judge(profile(rows=1000 * 1.5**7), history, Band()) is None
    assert judge(profile(rows=1000 * 1.5**9), history, Band()) is not None


def test_a_slow_bleed_is_noticed_against_the_median() -> None:
    history = [profile(rows=rows) for rows in (850, 1000, 1000, 1000, 1000)]
    assert judge(profile(rows=720), history, Band()) is not None


def test_sums_have_a_band_of_their_own() -> None:
    assert judge(profile(total=3300.0), [profile()], Band()) is None
    found = judge(profile(total=0.0), [profile()], Band())
    assert found is not None
    assert "as sum of its amounts" in found


def test_a_table_may_have_its_own_band() -> None:
    assert judge(profile(rows=500), [profile()], Band(rows=0.6)) is None


def test_empty_values_are_compared_with_their_usual_share() -> None:
    usual = profile(email=0.02)
    assert judge(profile(email=0.05), [usual], Band()) is None
    assert judge(profile(email=0.07), [usual], Band()) == (
        "column 'email' is empty in 7.0%, usually in 2.0%"
    )
    assert judge(profile(email=0.009), [profile(email=0.0)], Band()) is None


def test_few_rows_more_or_less_are_a_small_table_and_no_fault() -> None:
    """Ten tickets become thirteen; a company's first month of bills becomes its second."""
    assert judge(profile(rows=13, total=130.0), [profile(rows=10, total=80.0)], Band()) is None
    assert judge(profile(rows=0, total=0.0), [profile(rows=61)], Band()) is not None


def test_a_change_of_a_few_rows_is_none_whatever_its_share() -> None:
    assert judge(profile(rows=62), [profile(rows=80)], Band()) is None
    assert judge(profile(rows=58), [profile(rows=80)], Band()) is not None
    bled = [profile(rows=rows) for rows in (70, 85, 90, 90, 90)]
    assert judge(profile(rows=55), bled, Band()) is not None, "a slow bleed adds up"


def test_what_there_was_may_not_give_way_to_as_many_new_rows() -> None:
    moved = profile(rows=1000) | {"rows_then": 0, "sum_then": None}
    assert judge(moved, [profile()], Band()) is not None


def test_what_is_dated_after_the_last_good_night_is_new_and_no_change() -> None:
    """Monthly billing: on one night as many bills come as there were before."""
    first = profile(rows=2000, total=90_000.0)
    second = profile(rows=4000, total=180_000.0) | {"rows_then": 2000, "sum_then": 90_000.0}
    assert judge(second, [first], Band()) is None
    again = profile(rows=4000) | {"rows_then": 4000, "sum_then": 5000.0}
    assert judge(again, [first], Band()) is not None, "old rows that are there twice"
    flood = profile(rows=9000, total=90_000.0) | {"rows_then": 2000, "sum_then": 90_000.0}
    assert "7,000 rows are new" in (judge(flood, [first], Band()) or "")


def test_a_weekend_makes_no_table_old() -> None:
    friday, sunday, tuesday = date(2026, 6, 5), date(2026, 6, 7), date(2026, 6, 9)
    assert WEEKDAYS.workdays_between(friday, sunday) == 0
    assert WEEKDAYS.workdays_between(friday, tuesday) == 2
    assert WEEKDAYS.workdays_between(tuesday, friday) == 0


def change(**more: Any) -> Change:
    usual: dict[str, Any] = {"known": 1000, "none": 0, "fewer": 0, "rows": 9000, "sums": {},
                             "marks": {}, "lags": {}}  # fmt: skip
    return Change(**{**usual, **more})


@pytest.mark.parametrize(
    ("found", "trips"),
    [
        (change(), False),
        (change(none=20, fewer=20), False),
        (change(none=21, fewer=21), True),
        (change(fewer=21), True),
        (change(known=20, none=5, fewer=5), False),
        (change(sums={"amount": 1.14}), False),
        (change(sums={"amount": 0.84}), True),
        (change(known=4, sums={"amount": 0.5}), False),
        (change(marks={"disputed": (8, 4, 9, 5)}), False),
        (change(marks={"disputed": (20, 9, 20, 9)}), True),
        (change(marks={"failed": (50, 50, 60, 230)}), False),
        (change(marks={"failed": (50, 50, 60, 300)}), True),
        (change(lags={"due_on": (30.0, 26.0)}), False),
        (change(lags={"due_on": (30.0, 14.0)}), True),
    ],
)
def test_what_happens_to_many_customers_trips(found: Change, *, trips: bool) -> None:
    assert (judge_people(found, PeopleBand()) is not None) is trips
