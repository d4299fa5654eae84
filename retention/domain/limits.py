"""The blast radius of a night: how much of each kind it may do, or everything of it is held.

A batch that is too large is held as a whole. A wrong batch that is cut to size is still wrong.
"""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from retention.domain.entry_doubt import USUAL_ENTRY, EntryLimits
from retention.domain.stages import ADVERSE_STAGES

OPEN, TERMINATED = "open", "terminated"
ADVERSE_EFFECTS: frozenset[str] = frozenset({*ADVERSE_STAGES, TERMINATED})
"""Effects that worsen a customer's position: over any cap, all of them are held."""


@dataclass(frozen=True, slots=True)
class Cap:
    """At most a share of the active customers and at most a count, whichever is lower.

    `least` customers are always allowed, so that a small company can work at all.
    """

    share: float
    count: int
    least: int = 5

    def of(self, active: int) -> int:
        """Return how many customers a night may touch; a share of nobody is nobody."""
        return min(self.count, max(math.floor(active * self.share), min(self.least, active)))


@dataclass(frozen=True, slots=True)
class Limits:
    """The caps by effect: `open`, a stage's name, or `terminated`.

    Nothing adverse happens before `good_nights` nights in a row have read undisturbed data. Nights
    more than `gap_days` apart are not in a row. A night older than `late_days` is refused.
    """

    caps: dict[str, Cap] = field(default_factory=dict)
    good_nights: int = 3
    gap_days: int = 7
    late_days: int = 1
    entry: EntryLimits = USUAL_ENTRY


@dataclass(frozen=True, slots=True)
class OverCap:
    """An effect of which there is too much tonight."""

    effect: str
    wanted: int
    allowed: int


def judge(effects: Iterable[str], active: int, limits: Limits) -> dict[str, OverCap]:
    """Return the effects to hold as a whole; anything over its cap holds all that is adverse.

    `effects` has one entry per customer and effect; customers whose batch a person has released are
    not among them.
    """
    wanted = Counter(effects)
    held = {}
    for effect, count in wanted.items():
        cap = limits.caps.get(effect)
        if cap is not None and count > cap.of(active):
            held[effect] = OverCap(effect, count, cap.of(active))
    if held:
        for effect in ADVERSE_EFFECTS & wanted.keys():
            held.setdefault(effect, OverCap(effect, wanted[effect], 0))
    return held


class BatchState(StrEnum):
    """Where a held batch stands. `used` means that a night has done what was released."""

    HELD = "held"
    RELEASED = "released"
    REFUSED = "refused"
    SUPERSEDED = "superseded"
    USED = "used"


_B = BatchState

BATCH_MOVES: dict[BatchState, frozenset[BatchState]] = {
    _B.HELD: frozenset({_B.RELEASED, _B.REFUSED, _B.SUPERSEDED}),
    _B.RELEASED: frozenset({_B.USED}),
    _B.REFUSED: frozenset(),
    _B.SUPERSEDED: frozenset(),
    _B.USED: frozenset(),
}
