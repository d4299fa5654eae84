"""When so many newly meet an entry condition that the data has changed, not the customers."""

from collections.abc import Sequence
from dataclasses import dataclass

ENTRY = "entry"
"""What a person accepts, in the place of a table, when so many are right."""


@dataclass(frozen=True, slots=True)
class EntryLimits:
    """More than all of these are too many: customers, their share of all, times the most usual."""

    least: int = 20
    share: float = 0.01
    times: float = 3.0

    def allowed(self, past: Sequence[int], active: int) -> int:
        """Return how many may newly meet a condition; `past` are the counts of good nights."""
        return int(max(self.least, self.share * active, self.times * max(past, default=0)))


USUAL_ENTRY = EntryLimits()


def too_many(newly: int, past: Sequence[int], active: int, limits: EntryLimits) -> str | None:
    """Return why a night is in doubt, or None; without past nights nothing can be said."""
    if not past or newly <= limits.allowed(past, active):
        return None
    return (
        f"{newly:,} customers newly meet its entry condition, at most {max(past):,} did on the "
        f"last good nights and {limits.allowed(past, active):,} are allowed"
    )
