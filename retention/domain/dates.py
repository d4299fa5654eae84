"""Calendar arithmetic on business dates."""

import calendar
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

SATURDAY_AND_SUNDAY = frozenset({5, 6})
_ONE_DAY = timedelta(days=1)


def months_before(day: date, months: int) -> date:
    """Return the same day `months` earlier, or that month's last day when it is shorter."""
    index = day.year * 12 + day.month - 1 - months
    year, month = divmod(index, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def month_end(day: date) -> date:
    """Return the last day of a day's month."""
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])


@dataclass(frozen=True, slots=True)
class Calendar:
    """The days on which a place works: neither its weekend nor a public holiday.

    `weekend` are days of the week, Monday being 0.
    """

    holidays: frozenset[date] = frozenset()
    weekend: frozenset[int] = SATURDAY_AND_SUNDAY

    def is_workday(self, day: date) -> bool:
        """Return whether people work on a day."""
        return day.weekday() not in self.weekend and day not in self.holidays

    def add_workdays(self, day: date, days: int) -> date:
        """Return the date `days` workdays after `day`."""
        while days > 0:
            day += _ONE_DAY
            days -= self.is_workday(day)
        return day

    def workdays_between(self, first: date, last: date) -> int:
        """Return how many workdays lie after `first`, up to and with `last`."""
        days = range(1, (last - first).days + 1)
        return sum(self.is_workday(first + timedelta(days=n)) for n in days)

    def may_end(self, day: date) -> bool:
        """Return whether something may end on a day: help must be in reach then and the day after.

        Never on a weekend, a public holiday, or the eve of one.
        """
        return self.is_workday(day) and self.is_workday(day + _ONE_DAY)

    def next_ending(self, day: date) -> date:
        """Return the first day from `day` on which something may end."""
        while not self.may_end(day):
            day += _ONE_DAY
        return day


WEEKDAYS = Calendar()
"""A place whose public holidays are not known."""


@dataclass(frozen=True, slots=True)
class Period:
    """A number of calendar days, or of workdays of a calendar."""

    days: int = 0
    workdays: bool = False

    def after(self, day: date, days_of: Calendar = WEEKDAYS) -> date:
        """Return the date this period after `day`."""
        if self.workdays:
            return days_of.add_workdays(day, self.days)
        return day + timedelta(days=self.days)


def date_in(now: datetime, timezone: str) -> date:
    """Return the calendar date at a moment, as seen in a time zone."""
    return now.astimezone(ZoneInfo(timezone)).date()
