"""When a termination may take effect: full notice, counted from the latest possible sending.

The date is printed in the notice before anybody knows when it will be approved and sent. So the
notice is given a last day for sending, and the effective date lies the full notice period after
that day. A notice that was not sent by its last day expires and has to be proposed anew.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

_LAST_GOOD_WEEKDAY = 3  # Thursday: nothing ends on a Friday or a weekend, when nobody can help.


@dataclass(frozen=True, slots=True)
class NoticePlan:
    """The dates of one notice."""

    notice_days: int
    latest_send_on: date
    effective_on: date


def notice_days(contract_days: int | None, kind: str | None, defaults: Mapping[str, int]) -> int:
    """Return the longest notice that applies: the contract's or the default of the customer kind.

    An unknown kind gets the strictest default.
    """
    default = defaults.get(kind or "", max(defaults.values()))
    return max(contract_days or 0, default)


def plan_notice(latest_send_on: date, days: int) -> NoticePlan:
    """Return when a notice that may leave until `latest_send_on` takes effect."""
    effective_on = latest_send_on + timedelta(days=days)
    while effective_on.weekday() > _LAST_GOOD_WEEKDAY:
        effective_on += timedelta(days=1)
    return NoticePlan(days, latest_send_on, effective_on)
