"""When a recipient may be written to: their weekend, holidays and hours, in all their zones."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retention.actions.leaving_times import openings, zones_of
from retention.domain.dates import Calendar
from retention.domain.sending import SOMEWHERE
from retention.policies.load import load_policies
from tests.conftest import ROOT

POLICIES = load_policies(ROOT / "config", ROOT / "templates")
OPENING = openings(POLICIES.calendars, POLICIES.sending.hours, "Europe/Madrid")
FRIDAY, SATURDAY, SUNDAY = (date(2026, 11, day) for day in (27, 28, 29))


@pytest.mark.parametrize(
    ("country", "rests"),
    [
        ("ES", {SATURDAY, SUNDAY}),
        ("SA", {FRIDAY, SATURDAY}),
        ("IL", {FRIDAY, SATURDAY}),
        ("AE", {SATURDAY, SUNDAY}),
        ("BN", {FRIDAY, SUNDAY}),
        ("NP", {SATURDAY}),
        ("XX", {SATURDAY, SUNDAY}),
        (None, {SATURDAY, SUNDAY}),
    ],
)
def test_everybody_rests_on_their_own_weekend(country: str | None, rests: set[date]) -> None:
    days_of = POLICIES.calendars.of_customer(country, None, FRIDAY)
    days = [FRIDAY, SATURDAY, SUNDAY]
    assert {day for day in days if not days_of.is_workday(day)} == rests


@pytest.mark.parametrize(
    ("now", "zone", "country", "at"),
    [
        ("2026-11-29T20:30", "Pacific/Auckland", "NZ", "2026-11-29T20:30"),
        ("2026-11-27T20:30", "Pacific/Auckland", "NZ", "2026-11-29T20:00"),
        ("2026-11-28T01:00", "America/Los_Angeles", "US", "2026-11-28T01:00"),
        ("2026-11-30T05:00", "America/Los_Angeles", "US", "2026-11-30T17:00"),
        ("2026-11-29T23:30", "Europe/Madrid", "ES", "2026-11-30T08:00"),
    ],
)
def test_it_is_their_day_that_has_to_be_a_workday(
    now: str, zone: str, country: str, at: str
) -> None:
    """In Auckland it is Monday on UTC's Sunday, in Los Angeles Friday on UTC's Saturday."""
    then = OPENING(datetime.fromisoformat(now).replace(tzinfo=UTC), zone, country)
    assert then == datetime.fromisoformat(at).replace(tzinfo=UTC)


def test_nothing_ends_on_the_eve_of_a_rest() -> None:
    gulf = Calendar(weekend=frozenset({4, 5}))
    assert gulf.may_end(SUNDAY)
    assert not gulf.may_end(date(2026, 11, 26)), "Thursday, the eve of their weekend"
    assert Calendar().may_end(date(2026, 11, 26))
    assert not Calendar().may_end(FRIDAY)


def test_who_may_live_anywhere_in_a_country_of_regional_holidays_rests_on_all_of_them() -> None:
    saint_andrew, saint_patrick = date(2026, 11, 30), date(2026, 3, 17)
    of = POLICIES.calendars.of_customer
    assert not of("GB", None, saint_andrew).is_workday(saint_andrew)
    assert not of("GB", None, saint_patrick).is_workday(saint_patrick)
    assert of("GB", "ENG", saint_andrew).is_workday(saint_andrew)
    assert not of("GB", "SCT", saint_andrew).is_workday(saint_andrew)


def test_without_a_zone_all_zones_of_the_country_have_to_agree() -> None:
    early = datetime(2026, 11, 27, 8, 5, tzinfo=UTC)  # 9:05 in Madrid, 8:05 on the Canaries
    assert OPENING(early, "Europe/Madrid", "ES") == early
    assert OPENING(early, None, "ES") == datetime(2026, 11, 27, 9, tzinfo=UTC)
    assert OPENING(early, None, "") == early, "no country: the company's own zone"
    assert zones_of("ES") == ("Africa/Ceuta", "Atlantic/Canary", "Europe/Madrid")
    assert zones_of("SPAIN") == ()


@settings(deadline=None)
@given(st.sampled_from([SOMEWHERE, "XX"]), st.integers(0, 24 * 365))
def test_who_may_be_anywhere_is_written_to_when_most_of_the_world_works(
    country: str, hours: int
) -> None:
    """Not in the company's mornings: on a workday, once Europe, Africa and America's east work."""
    now = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hours)
    at = OPENING(now, None, country).astimezone(UTC)
    assert now <= at <= now + timedelta(days=4)
    assert 13 <= at.hour <= 17, at
    assert at.weekday() < 5
    then = OPENING(at, None, country)
    assert then - at <= timedelta(hours=2), "it leaves then, or soon where a clock changes"


@settings(deadline=None)
@given(st.sampled_from(["US", "ES", "PT", "MX", "CA", "AU"]), st.integers(0, 24 * 365))
def test_when_it_opens_it_is_the_hour_in_each_zone(country: str, hours: int) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hours)
    at = OPENING(now, None, country)
    assert now <= at <= now + timedelta(days=14)
    for zone in zones_of(country):
        assert 9 <= at.astimezone(ZoneInfo(zone)).hour < 19


def test_where_zones_never_agree_it_is_the_hour_in_most_of_them() -> None:
    """In Russia: never in Kaliningrad and on Kamchatka at once, and not when it is in Madrid."""
    now = datetime(2026, 11, 27, 8, 5, tzinfo=UTC)
    zones = zones_of("RU")
    working = [zone for zone in zones if 9 <= now.astimezone(ZoneInfo(zone)).hour < 19]
    assert len(zones) / 2 < len(working) < len(zones)
    at = OPENING(now, None, "RU")
    open_then = [zone for zone in zones if 9 <= at.astimezone(ZoneInfo(zone)).hour < 19]
    assert len(open_then) >= len(working)
    assert at - now < timedelta(days=4), "and soon"
    evening = datetime(2026, 11, 27, 17, tzinfo=UTC)  # six in Madrid, nobody works in Russia
    assert OPENING(evening, None, "RU") > evening
