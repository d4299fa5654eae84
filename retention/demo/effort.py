"""What a programme takes, in the simulation: minutes of people, and what a minute costs.

These are assumptions, stated here and nowhere else.
"""

MINUTES: dict[str, float] = {"approval": 3.0, "review": 15.0, "call": 20.0}
COST_PER_MINUTE = 0.65
COST_PER_MESSAGE = 0.02


def hours_of(decisions: dict[str, int]) -> float:
    """Return the hours that decisions took."""
    return sum(MINUTES[kind] * count for kind, count in decisions.items()) / 60


def cost_of(decisions: dict[str, int], messages: int) -> float:
    """Return what a programme's people and messages cost."""
    return hours_of(decisions) * 60 * COST_PER_MINUTE + messages * COST_PER_MESSAGE
