"""A waiver: a stage that is skipped, with a reason and a second person's consent."""

from enum import StrEnum

from retention.domain.stages import Stage

NEVER_WAIVED: frozenset[Stage] = frozenset({Stage.REASSESS, Stage.TERMINATE})
"""Nobody is judged without a look, and an end is never skipped."""


class WaiverState(StrEnum):
    """Where a waiver stands."""

    REQUESTED = "requested"
    GRANTED = "granted"
    REFUSED = "refused"


WAIVER_MOVES: dict[WaiverState, frozenset[WaiverState]] = {
    WaiverState.REQUESTED: frozenset({WaiverState.GRANTED, WaiverState.REFUSED}),
    WaiverState.GRANTED: frozenset(),
    WaiverState.REFUSED: frozenset({WaiverState.REQUESTED}),
}
