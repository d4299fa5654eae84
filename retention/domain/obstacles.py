"""What the data says tonight about one customer, and what stands in the way of a stage."""

from dataclasses import dataclass

from retention.domain.stages import ADVERSE_STAGES, GUARDED_STAGES, Stage

RECOVERING = "recovering"
CANCELLED = "cancelled_by_customer"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known tonight about one customer.

    `may_improve` are the stages whose `unless` is not known to be false: unknown data never moves
    anybody on. `not_for` are the steps whose `when` is not known to be true. `blocks` are reasons
    why nothing adverse may happen; `hold` and `exempt` are reasons why nothing may happen at all.
    `recovering` is who earns by now, or loses far less than the year says: nobody is pushed on who
    has turned. `cancelled` is who has cancelled for a day to come: nobody is written to about an
    end that they have asked for. `data_settled` is set once enough nights in a row have read
    undisturbed data.
    """

    in_data: bool
    ended: bool = False
    prepaid: bool = False
    leave_confirmed: bool = False
    reachable: bool = True
    surely_unprofitable: bool = False
    recovering: bool = False
    cancelled: bool = False
    data_settled: bool = False
    blocks: tuple[str, ...] = ()
    hold: str | None = None
    exempt: str | None = None
    may_improve: frozenset[Stage] = frozenset()
    not_for: frozenset[tuple[Stage, int]] = frozenset()


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why nothing of a stage may happen now, and whether what was prepared is taken back."""

    reason: str
    withdraw: bool


def obstacle_to(stage: Stage, facts: Facts) -> Obstacle | None:
    """Return what keeps a customer out of a stage tonight, or None."""
    if stage in GUARDED_STAGES and facts.blocks:
        return Obstacle(f"blocked:{facts.blocks[0]}", withdraw=True)
    if stage in GUARDED_STAGES and facts.cancelled:
        return Obstacle(CANCELLED, withdraw=True)
    if stage in ADVERSE_STAGES and not facts.surely_unprofitable:
        return Obstacle("profit_uncertain", withdraw=True)
    if stage in ADVERSE_STAGES and facts.recovering:
        return Obstacle(RECOVERING, withdraw=True)
    if stage in ADVERSE_STAGES and not facts.data_settled:
        return Obstacle("data_not_settled", withdraw=True)
    return None
