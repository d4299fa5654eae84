"""The families of features: their SQL, the columns they declare, the tables they need."""

import re
from functools import cache
from importlib.resources import files

# A family stays NULL as a whole unless one of its tables is mapped.
FAMILIES: dict[str, tuple[str, ...]] = {
    "contracts": ("contracts",),
    "billing": ("invoices",),
    "payments": ("invoices",),
    "payment_risk": ("invoices",),
    "tickets": ("tickets",),
    "conduct": ("tickets",),
    "satisfaction": ("tickets", "surveys"),
    "usage": ("usage",),
}

# With the family's table mapped, a customer without rows in it has none: zero, not unknown.
ZERO_WITHOUT_ROWS: frozenset[str] = frozenset(
    {
        "active_contracts",
        "contracts_ended_12m",
        "contracts_switched_12m",
        "invoices_to_date",
        "revenue_to_date",
        "invoices_12m",
        "revenue_12m",
        "revenue_prior_12m",
        "revenue_90d",
        "revenue_prior_90d",
        "disputed_amount",
        "disputed_invoices_12m",
        "tickets_12m",
        "ticket_minutes_12m",
        "own_fault_tickets_12m",
        "minutes_90d",
        "minutes_prior_90d",
        "contacts_per_month",
        "contacts_per_month_prior",
        "escalations_12m",
        "complaints_12m",
        "change_requests_12m",
        "shifting_tickets",
        "attention_tickets",
        "unreachable_tickets",
        "dishonest_tickets",
        "abusive_tickets",
        "unreasonable_tickets",
        "public_tickets",
        "deaf_tickets",
        "csat_answers_12m",
    }
)


@cache
def feature_sql(family: str) -> str:
    """Return the SQL of one family, in DuckDB's dialect."""
    return (files("retention.sources") / "features" / f"{family}.sql").read_text("utf-8")


@cache
def declared_columns(family: str) -> dict[str, str]:
    """Return the columns that a family's header declares, with their units."""
    rows = (line[3:] for line in feature_sql(family).splitlines() if line.startswith("-- "))
    parts = (re.split(r"\s{2,}", row, maxsplit=2) for row in rows)
    return {row[0]: row[1] for row in parts if len(row) == 3}  # noqa: PLR2004 - name, unit, text
