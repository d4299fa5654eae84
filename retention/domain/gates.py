"""When data that can be read is still not to be trusted: bands learnt from the last good nights.

A profile holds the figures of one table on one night: `rows`, `newest` (ISO date), `sum`, and
`empty` (share of empty values per column).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median
from typing import Any

from retention.domain.people_gates import USUAL_PEOPLE, PeopleBand

Profile = Mapping[str, Any]
ENOUGH_NIGHTS = 3
# Wide enough that one night in some thousands trips by chance alone.
_DEVIATIONS = 4 * 1.4826
_SMALL_SHARE = 0.01
_SMALL_TIMES = 3
_FLOOD_TIMES = 2
_TIMES_AS_OLD = 3


@dataclass(frozen=True, slots=True)
class Band:
    """How much may change without tripping, as a share; `empty` as a multiple.

    A change of at most `least` rows is none whatever its share; the sum over a few times as many
    rows says nothing.
    """

    rows: float = 0.20
    sums: float = 0.35
    empty: float = 3.0
    least: int = 20


@dataclass(frozen=True, slots=True)
class Guards:
    """What ops decide about gates."""

    history: int = 14
    vanished: float = 0.01
    vanished_least: int = 2
    unmatched: float = 0.05
    stale_days: int = 35
    band: Band = Band()
    tables: Mapping[str, Band] = field(default_factory=dict)
    people: PeopleBand = USUAL_PEOPLE

    def band_of(self, table: str) -> Band:
        """Return the band of one table."""
        return self.tables.get(table, self.band)


@dataclass(frozen=True, slots=True)
class Trip:
    """Why a table is not to be trusted tonight; `seen` is for who looks, and is not kept."""

    table: str
    found: str
    remedy: str
    seen: str = ""


def judge(now: Profile, history: Sequence[Profile], band: Band, stale_days: int = 35) -> str | None:
    """Return what is wrong with a table's figures, or None.

    `history` holds the profiles of the last good nights, newest first; without any, nothing can
    be compared. A table is stale when its newest row is older than `stale_days`, and three times
    as old as usual.
    """
    if not history:
        return None
    small = _is_small(now, history, band.least)
    return (
        _outside("rows", "rows", now, history, band.rows, band.least)
        or (None if small else _outside("sum", "as sum of its amounts", now, history, band.sums))
        or _flooded(now, history, band.least)
        or _emptier(now, history, band.empty)
        or _stale(now, history, stale_days)
    )


def _is_small(now: Profile, history: Sequence[Profile], least: int) -> bool:
    """Tell whether a table is so small that a few rows are a large share of it."""
    return max(int(p.get("rows") or 0) for p in (now, *history)) <= _SMALL_TIMES * least


def _flooded(now: Profile, history: Sequence[Profile], least: int) -> str | None:
    """More rows since the last good night than there were in all before are no usual night's."""
    if "rows_then" not in now or not history[0].get("rows"):
        return None
    new, last = now["rows"] - now["rows_then"], int(history[0]["rows"])
    if new <= max(_FLOOD_TIMES * last, _SMALL_TIMES * least):
        return None
    return f"{new:,} rows are new since the last good night, when there were {last:,} in all"


def _stale(now: Profile, history: Sequence[Profile], stale_days: int) -> str | None:
    ages = [p["age"] for p in history if p.get("age") is not None]
    age = now.get("age")
    if not ages or age is None:
        return None
    usual = median(ages)
    if age <= max(stale_days, _TIMES_AS_OLD * usual):
        return None
    return f"its newest row is {age} days old, usually {usual:.0f}: nothing new has come"


def _outside(
    name: str,
    words: str,
    now: Profile,
    history: Sequence[Profile],
    least: float,
    unseen: int = 0,
) -> str | None:
    values = [float(p[name]) for p in history if p.get(name)]
    if not values or now.get(name) is None:
        return None
    # What is dated after the last good night is new, and no change of what there was.
    then = f"{name}_then"
    tonight, last = float((now[then] or 0) if then in now else now[name]), values[0]
    if max(abs(tonight - last), abs(float(now[name]) - median(values))) <= unseen:
        return None
    allowed = max(least, _learnt(values))
    change = tonight / last - 1
    fallen = float(now[name]) / median(values) - 1
    if -allowed <= change <= allowed and fallen >= -allowed:
        return None
    return (
        f"{tonight:,.0f} {words}, {last:,.0f} in the last good night: a change of {change:+.0%}, "
        f"where {allowed:.0%} is usual"
    )


def _learnt(values: Sequence[float]) -> float:
    """Return how far usual changes from night to night reach."""
    changes = [new / old - 1 for new, old in pairwise(values)]
    if len(changes) < ENOUGH_NIGHTS:
        return 0.0
    middle = median(changes)
    return abs(middle) + _DEVIATIONS * median(abs(change - middle) for change in changes)


def _emptier(now: Profile, history: Sequence[Profile], times: float) -> str | None:
    for column, share in now.get("empty", {}).items():
        usual = [p["empty"][column] for p in history if column in p.get("empty", {})]
        if usual and share > max(times * median(usual), median(usual) + _SMALL_SHARE):
            return f"column '{column}' is empty in {share:.1%}, usually in {median(usual):.1%}"
    return None
