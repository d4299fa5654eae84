"""Calendar arithmetic on business dates."""

import calendar
from dataclasses import dataclass
from datetime import date, timedelta

_SATURDAY = 5


def months_before(day: date, months: int) -> date:
    """Return the same day `months` earlier, or that month's last day when it is shorter."""
    index = day.year * 12 + day.month - 1 - months
    year, month = divmod(index, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def add_workdays(day: date, days: int) -> date:
    """Return the date `days` weekdays after `day`; public holidays count as weekdays."""
    while days > 0:
        day += timedelta(days=1)
        days -= day.weekday() < _SATURDAY
    return day


@dataclass(frozen=True, slots=True)
class Period:
    """A number of calendar days, or of workdays (Monday to Friday)."""

    days: int = 0
    workdays: bool = False

    def after(self, day: date) -> date:
        """Return the date this period after `day`."""
        return add_workdays(day, self.days) if self.workdays else day + timedelta(days=self.days)
