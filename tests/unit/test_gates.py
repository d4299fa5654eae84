"""Gates: bands learnt from the last good nights."""

from typing import Any

import pytest

from retention.domain.gates import Band, judge


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
