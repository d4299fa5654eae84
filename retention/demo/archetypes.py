"""The kinds of customers of the demo company, and how each responds to each stage.

These are assumptions, stated here and nowhere else. Rates are per customer and month. A customer
who responds to a stage takes on the `after` behaviour from the first day of the next month.
"""

from dataclasses import dataclass, replace

from retention.domain.stages import Stage


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How a customer of one archetype behaves in a month."""

    late_share: float = 0.06
    unpaid_share: float = 0.0
    tickets: float = 0.5
    minutes: float = 11.0
    how_to_share: float = 0.25
    csat: float = 4.3
    complaint_share: float = 0.01
    escalated_share: float = 0.02
    usage: float = 100.0
    metrics: int = 4
    direct_cost_share: float = 0.45
    returns: float = 0.05


GOOD = Behaviour()

ARCHETYPES: dict[str, tuple[float, Behaviour]] = {
    "good": (0.63, GOOD),
    "leaving": (0.08, GOOD),
    "non_payer": (
        0.06,
        replace(GOOD, late_share=0.8, unpaid_share=0.85, csat=3.9, direct_cost_share=0.55),
    ),
    "time_drain": (
        0.06,
        replace(GOOD, tickets=9.0, minutes=24.0, how_to_share=0.1, escalated_share=0.12, csat=3.8),
    ),
    "chronically_dissatisfied": (
        0.05,
        replace(
            GOOD, tickets=3.5, minutes=26.0, csat=1.6, complaint_share=0.3, escalated_share=0.2
        ),
    ),
    "underpriced": (0.05, replace(GOOD, direct_cost_share=1.22)),
    "unaware": (
        0.04,
        replace(GOOD, tickets=7.0, minutes=22.0, how_to_share=0.85, usage=25.0, metrics=1),
    ),
    "drifted": (0.03, replace(GOOD, usage=6.0, metrics=1, direct_cost_share=1.1, tickets=1.0)),
}
"""Share of the customers and behaviour; `leaving` customers behave well and fade in time."""

CHANNELS: tuple[str, ...] = ("website", "referral", "partner", "discount_portal")
CHANNEL_SHARES: dict[str, tuple[float, float, float, float]] = {
    "good": (0.45, 0.30, 0.17, 0.08),
    "non_payer": (0.30, 0.08, 0.12, 0.50),
    "underpriced": (0.25, 0.10, 0.15, 0.50),
}
"""How customers of an archetype were won; the others came like good ones."""

TAGS: dict[str, tuple[float, tuple[str, ...]]] = {
    "time_drain": (0.06, ("vip_treatment", "repeated_calls", "impossible_request")),
    "chronically_dissatisfied": (0.12, ("insult", "review_threat", "impossible_request")),
    "unaware": (0.04, ("told_before",)),
    "non_payer": (0.15, ("no_answer", "false_claim")),
}
"""Share of an archetype's tickets that staff tag, and the tags they use."""

SWITCHED_SHARE = 0.03
"""Share of the customers who moved to another of the company's plans in the last half year."""

RESPONSE: dict[tuple[str, Stage], float] = {
    ("non_payer", Stage.RENEGOTIATE): 0.25,
    ("non_payer", Stage.MIGRATE): 0.55,
    ("time_drain", Stage.EDUCATE): 0.25,
    ("time_drain", Stage.RENEGOTIATE): 0.35,
    ("time_drain", Stage.MIGRATE): 0.3,
    ("chronically_dissatisfied", Stage.REASSESS): 0.15,
    ("chronically_dissatisfied", Stage.RENEGOTIATE): 0.15,
    ("underpriced", Stage.RENEGOTIATE): 0.6,
    ("unaware", Stage.EDUCATE): 0.7,
    ("drifted", Stage.REASSESS): 0.2,
    ("drifted", Stage.RENEGOTIATE): 0.35,
    ("leaving", Stage.LISTEN): 0.35,
    ("leaving", Stage.EDUCATE): 0.25,
    ("leaving", Stage.REWARD): 0.3,
}
"""Probability that a stage, once delivered, turns the customer into a good one."""
