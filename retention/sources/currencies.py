"""Convert every amount to the company's currency, or say which rate is missing."""

from datetime import date

import pyarrow as pa

from retention.domain.errors import SourceError
from retention.sources.rows import one_row, run
from retention.sources.tables import Company

Rates = dict[str, list[tuple[date, float]]]

# In this order: the rate of a payment is the rate of the invoice as it was billed.
_AMOUNTS = {
    "payments": ("amount",),
    "invoices": ("amount", "direct_cost"),
    "contracts": ("monthly_fee",),
}


def convert_currencies(company: Company, currency: str, rates: Rates, as_of: date) -> None:
    """Replace amounts by amounts in `currency`, at the rate in force on the day of the amount.

    An invoice is in its own currency, or else in its customer's; a payment is in the currency of
    the invoice that it names, and takes that invoice's rate; a contract's fee takes tonight's rate.
    Raises SourceError when a rate is missing: a rate is never taken to be 1.
    """
    if not _others(company, currency):
        return
    rows = [(c.upper(), day, rate) for c, changes in rates.items() for day, rate in changes]
    names = ("currency", "from_on", "rate")
    listed = dict(zip(names, zip(*rows, strict=True), strict=True)) if rows else {}
    company.db.register("given_rates", pa.table({n: pa.array(listed.get(n, []), t) for n, t in
        zip(names, (pa.string(), pa.date32(), pa.float64()), strict=True)}))  # fmt: skip
    run(company.db, "CREATE OR REPLACE TEMP TABLE rates AS SELECT * FROM given_rates")
    company.db.unregister("given_rates")
    billed_in = _billed_in(currency)
    for table, amounts in _AMOUNTS.items():
        _convert(company, table, billed_in[table], amounts, currency, as_of)


def _others(company: Company, currency: str) -> bool:
    return bool(
        one_row(
            company.db,
            "SELECT count(*) FROM (SELECT currency FROM invoices UNION ALL "
            "SELECT currency FROM customers) "
            f"WHERE upper(trim(currency)) <> '{currency}'",
        )[0]
    )


def _billed_in(currency: str) -> dict[str, str]:
    """Return, per table, SQL for every row with its currency and the day of its rate."""
    own = f"upper(trim(coalesce(i.currency, c.currency, '{currency}')))"
    customers = f"upper(trim(coalesce(c.currency, '{currency}')))"
    return {
        "invoices": f"SELECT i.*, {own} AS billed_in, i.issued_on AS rate_on "
        "FROM {source} AS i LEFT JOIN customers AS c USING (customer_id)",
        "payments": f"SELECT p.*, CASE WHEN i.invoice_id IS NULL THEN {customers} ELSE {own} END "
        "AS billed_in, coalesce(i.issued_on, p.paid_on) AS rate_on "
        "FROM {source} AS p LEFT JOIN customers AS c ON c.customer_id = p.customer_id "
        "LEFT JOIN invoices AS i ON i.invoice_id = p.invoice_id",
        "contracts": f"SELECT k.*, {customers} AS billed_in, NULL::DATE AS rate_on "
        "FROM {source} AS k LEFT JOIN customers AS c USING (customer_id)",
    }


def _convert(
    company: Company,
    table: str,
    billed_in: str,
    amounts: tuple[str, ...],
    currency: str,
    as_of: date,
) -> None:
    source = f"{table}_as_billed"
    kind = one_row(
        company.db,
        f"SELECT table_type FROM information_schema.tables WHERE table_name = '{table}'",
    )[0]
    run(company.db, f'ALTER {"VIEW" if kind == "VIEW" else "TABLE"} "{table}" RENAME TO {source}')
    exact = ", ".join(
        f"CAST(round(b.{name} * coalesce(r.rate, 1), 4) AS DECIMAL(18,4)) AS {name}"
        for name in amounts
    )
    rated = (
        f"SELECT b.* REPLACE ({exact}), r.rate FROM ({billed_in.format(source=source)}) AS b "
        f"ASOF LEFT JOIN rates AS r ON r.currency = b.billed_in "
        f"AND r.from_on <= coalesce(b.rate_on, DATE '{as_of}')"
    )
    run(company.db, f"CREATE OR REPLACE TEMP TABLE {table}_rated AS {rated}")
    missing = one_row(
        company.db,
        f"SELECT billed_in, min(coalesce(rate_on, DATE '{as_of}')), count(*) FROM {table}_rated "
        f"WHERE rate IS NULL AND billed_in <> '{currency}' GROUP BY 1 ORDER BY 1 LIMIT 1",
    )
    if missing:
        raise SourceError(
            table,
            f"{missing[2]} amounts in {missing[0]} have no rate to {currency} on {missing[1]}",
            "Add it under 'exchange_rates' in costs.yaml, with the day from which it holds.",
        )
    run(
        company.db,
        f'CREATE OR REPLACE TEMP VIEW "{table}" AS '
        f"SELECT * EXCLUDE (billed_in, rate_on, rate) FROM {table}_rated",
    )
