"""Aggregate canonical tables into one row of features per customer, as known on a date."""

import re
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files

import pyarrow as pa

from retention.domain.dates import months_before
from retention.sources.rows import run
from retention.sources.tables import Company

# A family stays NULL as a whole unless one of its tables is mapped.
FAMILIES: dict[str, tuple[str, ...]] = {
    "contracts": ("contracts",),
    "billing": ("invoices",),
    "payments": ("invoices",),
    "tickets": ("tickets",),
    "satisfaction": ("tickets", "surveys"),
    "usage": ("usage",),
}

# With the family's table mapped, a customer without rows in it has none: zero, not unknown.
ZERO_WITHOUT_ROWS: frozenset[str] = frozenset(
    {
        "active_contracts",
        "invoices_to_date",
        "revenue_to_date",
        "invoices_12m",
        "revenue_12m",
        "revenue_prior_12m",
        "disputed_amount",
        "tickets_12m",
        "ticket_minutes_12m",
        "own_fault_tickets_12m",
        "contacts_per_month",
        "contacts_per_month_prior",
        "escalations_12m",
        "complaints_12m",
        "csat_answers_12m",
    }
)


@dataclass(frozen=True, slots=True)
class Features:
    """Features of all customers.

    `wide` has one row per customer, sorted by customer_id, money in cents (int64); `activities`
    is long: customer_id, activity, quantity; `people` is what messages need to know.
    """

    wide: pa.Table
    activities: pa.Table
    people: pa.Table


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


def extract_features(company: Company, as_of: date) -> Features:
    """Aggregate everything that was knowable on `as_of`."""
    for family in ("customers", *FAMILIES, "activities"):
        _aggregate(company, family, as_of)
    return Features(_joined(company), _arrow(company, "f_activities"), _people(company, as_of))


def _aggregate(company: Company, family: str, as_of: date) -> None:
    """Create the table `f_<family>`, money in cents."""
    money = [name for name, unit in declared_columns(family).items() if unit.startswith("money")]
    cents = ", ".join(f"CAST(round({name} * 100) AS BIGINT) AS {name}" for name in money)
    replace = f"REPLACE ({cents})" if cents else ""
    sql = feature_sql(family)
    days = {"as_of": as_of, "year_ago": months_before(as_of, 12)}
    days["two_years_ago"] = months_before(as_of, 24)
    for name, day in days.items():
        sql = sql.replace(f"${name}", f"DATE '{day.isoformat()}'")
    empty = "" if _is_known(company, family) else "WHERE false"
    run(
        company.db,
        f"CREATE OR REPLACE TEMP TABLE f_{family} AS SELECT * {replace} FROM ({sql}) {empty}",
    )


def _is_known(company: Company, family: str) -> bool:
    """Payment behaviour needs due dates and a trace of payment, not just invoices."""
    if family not in FAMILIES:
        return True
    if family == "payments":
        invoices = company.mapped.get("invoices", ())
        return "due_on" in invoices and ("payments" in company.mapped or "status" in invoices)
    return any(table in company.mapped for table in FAMILIES[family])


def _joined(company: Company) -> pa.Table:
    columns, joins = ["c.*"], []
    for family in FAMILIES:
        joins.append(f"LEFT JOIN f_{family} USING (customer_id)")
        known = _is_known(company, family)
        for name in declared_columns(family):
            zero = known and name in ZERO_WITHOUT_ROWS
            columns.append(f"coalesce(f_{family}.{name}, 0) AS {name}" if zero else name)
    if "complaint" in company.mapped.get("tickets", ()):
        position = columns.index("open_complaint")
        columns[position] = "coalesce(open_complaint, false) AS open_complaint"
    run(
        company.db,
        f"CREATE OR REPLACE TEMP TABLE f_wide AS SELECT {', '.join(columns)} "
        f"FROM f_customers AS c {' '.join(joins)} ORDER BY customer_id",
    )
    return _arrow(company, "f_wide")


def _arrow(company: Company, table: str) -> pa.Table:
    return company.db.sql(f"SELECT * FROM {table} ORDER BY ALL").to_arrow_table()


def _people(company: Company, as_of: date) -> pa.Table:
    """Return names, addresses and languages: personal data, kept apart from the scores."""
    run(
        company.db,
        f"""
        CREATE OR REPLACE TEMP TABLE f_people AS
        SELECT customer_id, name, email, phone, language, country, timezone, kind,
            account_manager, currency
        FROM customers
        WHERE created_on IS NULL OR created_on <= DATE '{as_of.isoformat()}'
        ORDER BY customer_id
        """,
    )
    return _arrow(company, "f_people")
