"""The calendars of the places where we and our customers are."""

from datetime import date
from functools import cache

from retention.domain.dates import SATURDAY_AND_SUNDAY, WEEKDAYS, Calendar
from retention.domain.errors import ConfigError
from retention.policies.calendar import WEEK, CalendarDoc, ChangesDoc

_YEARS_BACK, _YEARS_AHEAD = 2, 6
_ANY_YEAR = 2026
# Where hardly any holiday is the whole country's: who may live anywhere rests when any of them do.
_REGIONAL = frozenset({"GB", "CH"})


class Calendars:
    """Calendars by country and region: public holidays, and the changes that config makes."""

    def __init__(self, doc: CalendarDoc) -> None:
        """Keep `doc`; whether its places exist is checked when a day is asked for."""
        self._doc = doc
        self._made: dict[tuple[str, int], Calendar] = {}

    def check(self) -> None:
        """Raise ConfigError for a place that does not exist."""
        for place in (self._doc.company, *self._doc.changes):
            if _public_holidays(place, _ANY_YEAR) is None:
                raise ConfigError(
                    "calendar.yaml", f"'{place}' is not known", "Write ES, or ES-MD for a region."
                )

    def of_company(self, around: date) -> Calendar:
        """Return the calendar of the people who work with retention."""
        return self._around(self._doc.company, around.year)

    def of_customer(self, country: str | None, region: str | None, around: date) -> Calendar:
        """Return a customer's calendar for the years around a date.

        A region that is not known has its country's holidays, or those of all its regions where
        holidays are regional; a country that is not known only weekends.
        """
        place = f"{country}-{region}" if country and region else country or ""
        return self._around(place, around.year)

    def _around(self, place: str, year: int) -> Calendar:
        if not self._made:
            self.check()
        if (place, year) not in self._made:
            self._made[place, year] = self._make(place, year)
        return self._made[place, year]

    def _make(self, place: str, middle: int) -> Calendar:
        country = place.partition("-")[0]
        days: set[date] = set()
        for year in range(middle - _YEARS_BACK, middle + _YEARS_AHEAD + 1):
            found = _public_holidays(place, year)
            if found is None:
                found = _public_holidays(country, year)
            days |= found or frozenset()
        weekend = _weekend(country)
        for name in dict.fromkeys((country, place)):
            changes = self._doc.changes.get(name, ChangesDoc())
            days = (days | set(changes.closed)) - set(changes.open)
            if changes.weekend is not None:
                weekend = frozenset(WEEK.index(day) for day in changes.weekend)
        return Calendar(frozenset(days), weekend) if days else WEEKDAYS


@cache
def _public_holidays(place: str, year: int) -> frozenset[date] | None:
    """Return the public holidays of a place, or None when there is no such place."""
    import holidays  # half a second, and most commands ask for no day

    country, _, region = place.partition("-")
    try:
        found = holidays.country_holidays(country, subdiv=region or None, years=year)
    except (NotImplementedError, KeyError):
        return None
    days = frozenset(found)
    if country in _REGIONAL and not region:
        others = (_public_holidays(f"{country}-{one}", year) for one in found.subdivisions)
        days = days.union(*(other or frozenset() for other in others))
    return days


@cache
def _weekend(country: str) -> frozenset[int]:
    """Return the days of the week on which a country rests."""
    import holidays

    try:
        return frozenset(holidays.country_holidays(country, years=_ANY_YEAR).weekend)
    except (NotImplementedError, KeyError):
        return SATURDAY_AND_SUNDAY
