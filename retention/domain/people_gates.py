"""When the rows of many customers have changed though the table as a whole looks usual.

Each night's rows of a fixed stretch of time are compared, customer by customer, with what the last
good night had of the very same stretch: what is new does not count, so nothing should differ.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

MARKS: Mapping[str, tuple[str, ...]] = {
    "invoices": ("disputed", "paid"),
    "payments": ("failed",),
    "tickets": ("complaint", "own_fault"),
}
FEWER = 0.5
"""Less than this part of what there was is far fewer."""
MORE = 1.5
"""More than so many times what there was is far more."""
_RAISED_SHARE = 0.1
_MARK_TIMES, _MARK_LEAST, _MARK_SHARE = 3.0, 10, 0.02
_LAG_DAYS, _LAG_SHARE = 5.0, 0.25


@dataclass(frozen=True, slots=True)
class Change:
    """How the rows of a table's customers differ from those of the last good night.

    `known` had rows then, `none` of them have none now, `fewer` less than half (those without any
    among them); `sums` are the median ratios of what can be added up, `raised` how many customers
    have more than half again of each; `marks` hold, by mark, the customers that had it, those of
    them that have it still, and the rows with it, then and now; `lags` mean days between two dates,
    then and now.
    """

    known: int
    none: int
    fewer: int
    rows: int
    sums: Mapping[str, float]
    marks: Mapping[str, tuple[int, int, int, int]]
    lags: Mapping[str, tuple[float, float]]
    raised: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PeopleBand:
    """How much may differ: the share of customers, the least of them that count, and sums."""

    share: float = 0.02
    least: int = 5
    sums: float = 0.15


USUAL_PEOPLE = PeopleBand()


def judge_people(change: Change, band: PeopleBand) -> str | None:
    """Return what is wrong with the rows of a table's customers, or None."""
    return _lost(change, band) or _sums(change, band) or _marks(change, band) or _lags(change, band)


def _lost(change: Change, band: PeopleBand) -> str | None:
    allowed = max(band.share * change.known, band.least)
    if change.none > allowed:
        return (
            f"{change.none:,} of {change.known:,} customers that had rows in the last good night "
            "have none now"
        )
    if change.fewer > allowed:
        return (
            f"{change.fewer:,} of {change.known:,} customers have less than half of what the last "
            "good night had of them"
        )
    return None


def _sums(change: Change, band: PeopleBand) -> str | None:
    if change.known < band.least:
        return None
    for name, ratio in change.sums.items():
        if abs(ratio - 1) > band.sums:
            return (
                f"'{name}' of the same months is {ratio - 1:+.0%} at the customer in the middle, "
                f"where at most {band.sums:.0%} is usual"
            )
    for name, customers in change.raised.items():
        if customers > max(_RAISED_SHARE * change.known, band.least):
            return (
                f"'{name}' of the same months has risen by more than half at {customers:,} of "
                f"{change.known:,} customers"
            )
    return None


def _marks(change: Change, band: PeopleBand) -> str | None:
    for mark, (had, still, then, now) in change.marks.items():
        lost = had - still
        if lost > max(had * FEWER, band.least):
            return f"{lost:,} of {had:,} customers have lost the mark '{mark}'"
        if now - then > max(_MARK_LEAST, then * (_MARK_TIMES - 1), change.rows * _MARK_SHARE):
            return f"{now:,} rows of the same months are marked '{mark}', {then:,} were"
    return None


def _lags(change: Change, band: PeopleBand) -> str | None:
    if change.known < band.least:
        return None
    for name, (then, now) in change.lags.items():
        if abs(now - then) > max(_LAG_DAYS, abs(then) * _LAG_SHARE):
            return f"{name} lies {now:.0f} days after on average, {then:.0f} in the last good night"
    return None
