"""A run: one execution of a flow for one business date. A round: one of a flow without dates."""

from enum import StrEnum


class RunState(StrEnum):
    """Where a run stands.

    `held` means that a gate tripped and nothing was decided, `skipped_late` that its date was too
    long ago, `backfilled` that it was scored and nothing was decided.
    """

    RUNNING = "running"
    COMPLETED = "completed"
    HELD = "held"
    FAILED = "failed"
    SKIPPED_LATE = "skipped_late"
    BACKFILLED = "backfilled"


class RoundState(StrEnum):
    """Where a round of a flow that runs many times a day stands."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"


_R = RunState

# RUNNING -> RUNNING is a takeover: the lease of a killed process ran out.
RUN_MOVES: dict[RunState, frozenset[RunState]] = {
    _R.RUNNING: frozenset(RunState),
    _R.HELD: frozenset({_R.RUNNING}),
    _R.FAILED: frozenset({_R.RUNNING}),
    _R.COMPLETED: frozenset(),
    _R.SKIPPED_LATE: frozenset({_R.RUNNING}),
    _R.BACKFILLED: frozenset({_R.RUNNING}),
}
