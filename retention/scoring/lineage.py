"""Which canonical tables a score rests on: what a tripped gate makes unknown."""

from functools import cache

import sqlglot
from sqlglot import expressions as exp

from retention.domain import scores
from retention.scoring.rules import ARCHETYPES, HINTS, REASONS, SIGNS, VERDICTS

_ALL_COSTS = ("invoices", "payments", "tickets", "cost_events")
_GROUPS: tuple[tuple[tuple[scores.ScoreColumn, ...], tuple[str, ...]], ...] = (
    (scores.ATTRIBUTES, ("customers",)),
    (scores.CONTRACT, ("contracts",)),
    (scores.ECONOMICS, _ALL_COSTS),
    (scores.PAYMENT, ("invoices", "payments")),
    (scores.SERVICE, ("tickets",)),
    (scores.CONDUCT, ("tickets",)),
    (scores.SATISFACTION, ("tickets", "surveys")),
    (scores.USAGE, ("usage",)),
    (scores.STRATEGIC, ("customers", "contacts", "invoices", "payments")),
    (scores.CHURN, (*_ALL_COSTS, "contracts", "surveys", "usage")),
)
_OF_INVOICES = {
    "invoices_to_date", "revenue_to_date", "invoices_12m", "last_invoice_on", "revenue_12m",
    "revenue_prior_12m", "revenue_change", "direct_cost_12m", "profit_direct_cost",
    "margin_peer_z", "disputed_amount", "disputed_invoices_12m",
}  # fmt: skip
_SPECIAL = {
    **dict.fromkeys(_OF_INVOICES, ("invoices",)),
    "profit_service": ("tickets",),
    "own_fault_cost_12m": ("tickets",),
    "profit_events": ("cost_events",),
    "profit_collection": ("invoices", "payments"),
    "profit_credit_loss": ("invoices", "payments"),
    "projected_value": (*_ALL_COSTS, "contracts", "surveys", "usage"),
    "service_index": ("tickets", "invoices"),
    "service_points_minutes": ("tickets", "invoices"),
    "minutes_per_100": ("tickets", "invoices"),
    "minutes_peer_z": ("tickets", "invoices"),
    "tenure_days": ("customers", "invoices"),
    "peer_group": ("customers", "invoices"),
}
_RULES = {
    "fit": VERDICTS,
    "archetype": ARCHETYPES,
    "reason_codes": REASONS,
    "root_cause_hints": HINTS,
    **{name: {name: sql} for name, sql in SIGNS.items()},
}


@cache
def tables_behind(column: str) -> frozenset[str]:
    """Return the canonical tables that a score column rests on."""
    if column.startswith(scores.OWN_PREFIX):
        return frozenset({"customers"})
    if column in _RULES:
        named = {name for sql in _RULES[column].values() for name in columns_of(sql)}
        return frozenset().union(*(tables_behind(name) for name in named))
    if column in _SPECIAL:
        return frozenset(_SPECIAL[column])
    for group, tables in _GROUPS:
        if any(column == known.name for known in group):
            return frozenset(tables)
    raise KeyError(column)


def columns_of(condition: str) -> set[str]:
    """Return the columns that a SQL condition names."""
    return {c.name for c in sqlglot.parse_one(condition, dialect="duckdb").find_all(exp.Column)}
