"""Paying what is owed in monthly parts: amounts, dates, and whether a plan is kept."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_CEILING, Decimal
from enum import StrEnum

from retention.domain.dates import months_before

_CENT = Decimal("0.01")


class PlanState(StrEnum):
    """Where an instalment plan stands."""

    RUNNING = "running"
    KEPT = "kept"
    BROKEN = "broken"


PLAN_MOVES: dict[PlanState, frozenset[PlanState]] = {
    PlanState.RUNNING: frozenset({PlanState.KEPT, PlanState.BROKEN}),
    PlanState.KEPT: frozenset(),
    PlanState.BROKEN: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Plan:
    """An amount in `parts` equal monthly parts from `first_on` on; the last one is the rest."""

    amount: Decimal
    parts: int
    first_on: date

    @property
    def part(self) -> Decimal:
        """A part, rounded up to the cent."""
        return (self.amount / self.parts).quantize(_CENT, ROUND_CEILING)

    def due(self) -> tuple[tuple[date, Decimal], ...]:
        """Return the day and the amount of each part; the amounts add up exactly."""
        rest, found = self.amount, []
        for number in range(self.parts):
            amount = min(self.part, rest)
            found.append((months_before(self.first_on, -number), amount))
            rest -= amount
        return tuple(found)

    @property
    def last_on(self) -> date:
        """The day of the last part."""
        return self.due()[-1][0]

    def owed_after(self, day: date) -> Decimal:
        """Return what may still be owed at the end of a day, if the plan is kept."""
        return self.amount - sum((a for on, a in self.due() if on <= day), Decimal(0))

    def state(self, overdue: Decimal | None, as_of: date, grace: timedelta) -> PlanState:
        """Return where the plan stands; what nobody knows breaks no plan.

        A part counts as late when it is still owed `grace` after its day.
        """
        if overdue is None:
            return PlanState.RUNNING
        if overdue <= 0:
            return PlanState.KEPT
        late = overdue > self.owed_after(as_of - grace)
        return PlanState.BROKEN if late else PlanState.RUNNING
