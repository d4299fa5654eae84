"""A run: one execution of a flow for one business date."""

from enum import StrEnum


class RunState(StrEnum):
    """Where a run stands. `held` means that a gate tripped and nothing was decided."""

    RUNNING = "running"
    COMPLETED = "completed"
    HELD = "held"
    FAILED = "failed"


_R = RunState

# RUNNING -> RUNNING is a takeover: the lease of a killed process ran out.
RUN_MOVES: dict[RunState, frozenset[RunState]] = {
    _R.RUNNING: frozenset({_R.RUNNING, _R.COMPLETED, _R.HELD, _R.FAILED}),
    _R.HELD: frozenset({_R.RUNNING}),
    _R.FAILED: frozenset({_R.RUNNING}),
    _R.COMPLETED: frozenset(),
}
