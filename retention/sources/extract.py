"""Aggregate canonical tables into one row of features per customer, as known on a date."""

import re
from dataclasses import dataclass
from datetime import date

import pyarrow as pa

from retention.domain.dates import months_before
from retention.sources.canonical import CANONICAL
from retention.sources.families import FAMILIES, ZERO_WITHOUT_ROWS, declared_columns, feature_sql
from retention.sources.rows import one_row, run
from retention.sources.staging import own_payments
from retention.sources.tables import Company

VERY_LATE_DAYS = 30
# In the first year there has been no anniversary yet: NULL.
_ANNIVERSARY = (
    "{day} - CAST(created_on + to_years(CAST(nullif(date_sub('year', created_on, {day}), 0) "
    "AS INTEGER)) AS DATE)"
)
_MONTHS = 12


@dataclass(frozen=True, slots=True)
class Features:
    """Features of the customers of a company or of one of its shards.

    `wide` has one row per customer, sorted by customer_id, money in cents (int64). `activities` and
    `bills` are long: place in `wide`, month, and what happened. `contracts` has a row per contract,
    `evidence` the source rows behind flags; `people` is what messages need to know.
    """

    wide: pa.Table
    activities: pa.Table
    bills: pa.Table
    contracts: pa.Table
    evidence: pa.Table
    people: pa.Table


def extract_features(company: Company, as_of: date) -> Features:
    """Aggregate everything that was knowable on `as_of`."""
    _make_working_tables(company, as_of)
    for family in (*FAMILIES, "activities", "bills", "contract_facts", "evidence"):
        _aggregate(company, family, as_of)
    wide = _joined(company, as_of)
    return Features(
        wide=wide,
        activities=_facts(company, "f_activities"),
        bills=_facts(company, "f_bills"),
        contracts=_sorted(company, "f_contract_facts", "customer_id, contract_id"),
        evidence=_sorted(company, "f_evidence", "customer_id, kind, happened_on DESC, row_id"),
        people=company.db.sql(_dated("people", as_of)).to_arrow_table(),
    )


def count_customers(company: Company, as_of: date) -> tuple[int, int]:
    """Return how many customers there are on `as_of`, and how many have an e-mail address."""
    row = one_row(
        company.db,
        f"SELECT count(*), count(*) FILTER (WHERE has_email) FROM ({_dated('customers', as_of)})",
    )
    return int(row[0]), int(row[1])


def extract_invoices(company: Company, as_of: date) -> pa.Table:
    """Return one row per invoice whose end is known: what paying late and disputes teach."""
    _make_working_tables(company, as_of)
    return company.db.sql(
        f"SELECT * FROM ({_dated('invoice_risk', as_of)}) WHERE disputed IS NOT NULL ORDER BY ALL"
    ).to_arrow_table()


def open_amounts(company: Company, as_of: date) -> dict[str, int]:
    """Return what is open, in cents, of each customer with an invoice that has a due date."""
    _make_working_tables(company, as_of)
    _aggregate(company, "payments", as_of)
    return dict(company.db.execute("SELECT customer_id, open_amount FROM f_payments").fetchall())


def find_ties(company: Company, as_of: date) -> pa.Table:
    """Return who is tied to whom: customer_id, other_id, tie. Needs all customers at once."""
    return company.db.sql(f"{_dated('ties', as_of)} ORDER BY ALL").to_arrow_table()


def _dated(family: str, as_of: date) -> str:
    """Return the SQL of a family with its parameters filled in."""
    sql = feature_sql(family)
    days = {"as_of": as_of, "year_ago": months_before(as_of, _MONTHS)}
    days["two_years_ago"] = months_before(as_of, 2 * _MONTHS)
    days["quarter_ago"] = months_before(as_of, 3)
    days["half_year_ago"] = months_before(as_of, 6)
    for name, day in days.items():
        sql = sql.replace(f"${name}", f"DATE '{day.isoformat()}'")
    sql = sql.replace("$late_days", str(VERY_LATE_DAYS))
    return re.sub(r"\$month\((\S+)\)", lambda found: _month_of(found.group(1), as_of), sql)


def _month_of(day: str, as_of: date) -> str:
    """Return SQL for the month of a day: 1 is the last one up to `as_of`, 12 holds all before."""
    cases = " ".join(
        f"WHEN {day} > DATE '{months_before(as_of, n)}' THEN {n}" for n in range(1, _MONTHS)
    )
    return f"CASE {cases} ELSE {_MONTHS} END"


def _make_working_tables(company: Company, as_of: date) -> None:
    """Create what the families build on: customers and their places, the ledger, its ends."""
    _aggregate(company, "customers", as_of)
    run(
        company.db,
        "CREATE OR REPLACE TEMP TABLE places AS SELECT customer_id, "
        "CAST(row_number() OVER (ORDER BY customer_id) - 1 AS INTEGER) AS place FROM f_customers",
    )
    # Without a trace of payment nothing is late: an invoice has no due date then.
    never = "CAST(NULL AS DATE)"
    unknown = f"REPLACE ({never} AS due_on, {never} AS overdue_from, 0 AS money_days)"
    columns = "*" if _is_known(company, "payments") else f"* {unknown}"
    dated = _dated("dated_invoices", as_of)
    run(company.db, f"CREATE OR REPLACE TEMP VIEW f_dated_invoices AS {dated}")
    contract_ends = _dated("contract_ends", as_of)
    run(company.db, f"CREATE OR REPLACE TEMP TABLE f_contract_ends AS {contract_ends}")
    own_payments(company)
    named = _dated("named", as_of)
    run(company.db, f"CREATE OR REPLACE TEMP TABLE f_named AS {named}")
    ledger = f"SELECT {columns} FROM ({_dated('ledger', as_of)})"
    run(company.db, f"CREATE OR REPLACE TEMP TABLE f_ledger AS {ledger}")
    ends = _dated("invoice_ends", as_of)
    run(company.db, f"CREATE OR REPLACE TEMP VIEW f_invoice_ends AS {ends}")


def _aggregate(company: Company, family: str, as_of: date) -> None:
    """Create the table `f_<family>`, money in cents."""
    money = [name for name, unit in declared_columns(family).items() if unit.startswith("money")]
    cents = ", ".join(f"CAST(round({name} * 100) AS BIGINT) AS {name}" for name in money)
    replace = f"REPLACE ({cents})" if cents else ""
    empty = "" if _is_known(company, family) else "WHERE false"
    run(
        company.db,
        f"CREATE OR REPLACE TEMP TABLE f_{family} AS "
        f"SELECT * {replace} FROM ({_dated(family, as_of)}) {empty}",
    )


def _is_known(company: Company, family: str) -> bool:
    """Payment behaviour needs due dates and a trace of payment, conduct needs tags."""
    if family not in FAMILIES:
        return True
    if family in ("payments", "payment_risk"):
        return "due_on" in company.mapped.get("invoices", ()) and _shows_payment(company)
    if family == "conduct":
        return "tags" in company.mapped.get("tickets", ())
    return any(table in company.mapped for table in FAMILIES[family])


def _shows_payment(company: Company) -> bool:
    """Payments do, or invoices that are marked as paid; not when payments are left out tonight."""
    if "payments" in company.mapped or "open_amount" in company.mapped.get("invoices", ()):
        return True
    marked = one_row(
        company.db,
        "SELECT coalesce((SELECT n FROM paid_marks), "
        "(SELECT count(*) FROM invoices WHERE lower(trim(status)) = 'paid'))",
    )
    return "payments" not in company.left_out and bool(marked[0])


def _joined(company: Company, as_of: date) -> pa.Table:
    columns, joins = ["c.*"], []
    for family in FAMILIES:
        joins.append(f"LEFT JOIN f_{family} USING (customer_id)")
        known = _is_known(company, family)
        for name in declared_columns(family):
            zero = known and name in ZERO_WITHOUT_ROWS
            columns.append(f"coalesce(f_{family}.{name}, 0) AS {name}" if zero else name)
    # Extra columns of the customers are attributes to learn from, under names of their own.
    own = set(CANONICAL["customers"].columns)
    extra = [name for name in company.mapped.get("customers", ()) if name not in own]
    if extra:
        listed = ", ".join(f'"{name}" AS "x_{name}"' for name in extra)
        joins.append(f"LEFT JOIN (SELECT customer_id, {listed} FROM customers) USING (customer_id)")
        columns += [f'"x_{name}"' for name in extra]
    if not {"email", "phone"} & set(company.mapped.get("customers", ())):
        columns[0] = "c.* REPLACE (CAST(NULL AS BOOLEAN) AS reachable)"
    if "complaint" in company.mapped.get("tickets", ()):
        position = columns.index("open_complaint")
        columns[position] = "coalesce(open_complaint, false) AS open_complaint"
    day = f"DATE '{as_of.isoformat()}'"
    columns.append(f"{day} - coalesce(created_on, first_invoice_on) AS tenure_days")
    columns.append(f"{day} - usage_last_on AS days_since_use")
    columns.append(f"{day} - downgraded_on AS days_since_downgrade")
    columns.append(f"{_ANNIVERSARY.format(day=day)} AS days_since_anniversary")
    return company.db.sql(
        f"SELECT {', '.join(columns)} FROM f_customers AS c {' '.join(joins)} ORDER BY customer_id"
    ).to_arrow_table()


def _facts(company: Company, table: str) -> pa.Table:
    """Return a long table in whatever order: its rows are added up in an order of their own."""
    return company.db.sql(f"SELECT * FROM {table}").to_arrow_table()


def _sorted(company: Company, table: str, order: str) -> pa.Table:
    return company.db.sql(f"SELECT * FROM {table} ORDER BY {order}").to_arrow_table()
