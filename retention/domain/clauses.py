"""What a contract says about its own end, as a date.

A clause is written as people write it: `60 days`, `2 weeks to month end`, `2 months to quarter
end`, `3 months before renewal`. A contract that runs until a date and has no clause runs until
that date.
"""

import re
from dataclasses import dataclass
from datetime import date, timedelta

from retention.domain.dates import month_end, months_before

_CLAUSE = re.compile(
    r"^(?P<amount>\d{1,3}) (?P<unit>day|week|month|year)s?"
    r"( (?P<rest>to (the )?(month|quarter|year) end|before renewal))?$"
)
_MONTHS_OF = {"month": 1, "year": 12}
_DAYS_OF = {"day": 1, "week": 7}
_ENDS = {"month": 1, "quarter": 3, "year": 12}
_BEFORE_RENEWAL = "before renewal"
_YEAR = 12
LAST_YEAR = 2200
"""Dates beyond it are mistakes of the data, not contracts."""


@dataclass(frozen=True, slots=True)
class Clause:
    """A notice clause: how long before, and to which end the contract then runs."""

    amount: int
    unit: str
    runs_to: str | None = None

    def earliest_end(
        self, notified_on: date, started_on: date | None, ends_on: date | None
    ) -> date:
        """Return the first day on which a contract may end when notice is given on a day.

        Raises ValueError for a renewal clause without a date to renew on.
        """
        if self.runs_to == _BEFORE_RENEWAL:
            return self._renewal(notified_on, started_on, ends_on)
        end = self._after(notified_on)
        return end if self.runs_to is None else _end_of(end, self.runs_to)

    def _after(self, day: date) -> date:
        if self.unit in _MONTHS_OF:
            return months_before(day, -self.amount * _MONTHS_OF[self.unit])
        return day + timedelta(days=self.amount * _DAYS_OF[self.unit])

    def _renewal(self, notified_on: date, started_on: date | None, ends_on: date | None) -> date:
        first = ends_on or started_on
        if first is None:
            raise ValueError("the contract does not say when it renews")
        earliest, years = self._after(notified_on), 0
        while (renewal := months_before(first, -_YEAR * years)) < earliest:
            years += 1
        return renewal


def _end_of(day: date, what: str) -> date:
    months = _ENDS[what]
    last = -(-day.month // months) * months
    return month_end(day.replace(day=1, month=last))


def parse_clause(text: str) -> Clause:
    """Read a clause. Raises ValueError that says what clauses look like."""
    match = _CLAUSE.match(" ".join(text.lower().split()))
    if match is None:
        raise ValueError(
            f"'{text[:60]}' is no notice clause; write for example '60 days', "
            "'2 months to month end' or '3 months before renewal'"
        )
    rest = match["rest"]
    if rest and rest != _BEFORE_RENEWAL:
        rest = next(end for end in _ENDS if f"{end} end" in rest)
    return Clause(int(match["amount"]), match["unit"], rest)


@dataclass(frozen=True, slots=True)
class ContractTerms:
    """What is known of one running contract's end."""

    clause: str | None = None
    notice_days: int | None = None
    started_on: date | None = None
    ends_on: date | None = None

    def earliest_end(self, notified_on: date) -> date:
        """Return the first day on which this contract may end: the latest of what it says.

        Raises ValueError when its clause cannot be read or has no date to stand on.
        """
        if self.ends_on is not None and self.ends_on.year > LAST_YEAR:
            raise ValueError(f"the contract runs until {self.ends_on}")
        ends = [notified_on]
        if self.clause:
            ends.append(
                parse_clause(self.clause).earliest_end(notified_on, self.started_on, self.ends_on)
            )
        if self.notice_days is not None:
            ends.append(notified_on + timedelta(days=max(self.notice_days, 0)))
        if not self.clause and self.notice_days is None and self.ends_on is not None:
            ends.append(self.ends_on)
        return max(ends)


def parse_terms(text: str | None) -> tuple[ContractTerms, ...]:
    """Read `clause|notice_days|started_on|ends_on` of each contract, with ';' between them.

    Raises ValueError for text that the extraction does not write.
    """
    return tuple(_parse_one(part) for part in text.split(";")) if text else ()


def _parse_one(text: str) -> ContractTerms:
    clause, days, started, ends = text.split("|")
    return ContractTerms(clause or None, int(days) if days else None, _day(started), _day(ends))


def _day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None
