"""Convert every amount to the company's currency, or say which rate is missing."""

from datetime import date

import pyarrow as pa

from retention.domain.errors import SourceError
from retention.sources.identities import cover
from retention.sources.rows import one_row, run
from retention.sources.tables import Company

Rates = dict[str, list[tuple[date, float]]]

_AMOUNTS = {
    "payments": ("amount",),
    "invoices": ("amount", "direct_cost"),
    "contracts": ("monthly_fee",),
}


def convert_currencies(company: Company, currency: str, rates: Rates, as_of: date) -> None:
    """Replace amounts by amounts in `currency`, at the rate in force on the day of the amount.

    An invoice is in its own currency, or else in its customer's; a contract's fee takes tonight's
    rate. A customer who is billed in one currency only pays and owes in it: their invoices keep the
    amount as billed, with its rate, and their payments are not converted, so that a rate that
    changes is nobody's debt. With several currencies, a payment takes the rate of the invoice that
    it names, or that of its day in the customer's currency. Raises SourceError when a rate is
    missing: a rate is never taken to be 1.
    """
    if not _others(company, currency):
        return
    _give_rates(company, rates)
    own = f"upper(trim(coalesce(i.currency, c.currency, '{currency}')))"
    run(
        company.db,
        f"CREATE OR REPLACE TEMP TABLE billed AS SELECT i.customer_id, min({own}) AS billed_in, "
        f"count(DISTINCT {own}) = 1 AS alone FROM invoices AS i "
        "LEFT JOIN customers AS c USING (customer_id) GROUP BY i.customer_id",
    )
    for table, rows in _rows(own, currency).items():
        _convert(company, table, rows, currency, as_of)


def _give_rates(company: Company, rates: Rates) -> None:
    rows = [(c.upper(), day, rate) for c, changes in rates.items() for day, rate in changes]
    names = ("currency", "from_on", "rate")
    listed = dict(zip(names, zip(*rows, strict=True), strict=True)) if rows else {}
    company.db.register("given_rates", pa.table({n: pa.array(listed.get(n, []), t) for n, t in
        zip(names, (pa.string(), pa.date32(), pa.float64()), strict=True)}))  # fmt: skip
    run(company.db, "CREATE OR REPLACE TEMP TABLE rates AS SELECT * FROM given_rates")
    company.db.unregister("given_rates")


def _others(company: Company, currency: str) -> bool:
    return bool(
        one_row(
            company.db,
            "SELECT count(*) FROM (SELECT currency FROM invoices UNION ALL "
            "SELECT currency FROM customers) "
            f"WHERE upper(trim(currency)) <> '{currency}'",
        )[0]
    )


def _rows(own: str, currency: str) -> dict[str, str]:
    """Return, per table, SQL for every row with its currency, the day of its rate, and `alone`."""
    customers = f"upper(trim(coalesce(c.currency, '{currency}')))"
    return {
        "payments": f"SELECT p.*, CASE WHEN coalesce(o.alone, false) THEN '{currency}' "
        f"WHEN i.invoice_id IS NULL THEN {customers} ELSE {own} END AS billed_in, "
        "coalesce(i.issued_on, p.paid_on) AS rate_on, false AS alone FROM {below} AS p "
        "LEFT JOIN invoices AS i ON i.invoice_id = p.invoice_id "
        "LEFT JOIN customers AS c ON c.customer_id = coalesce(i.customer_id, p.customer_id) "
        "LEFT JOIN billed AS o ON o.customer_id = coalesce(i.customer_id, p.customer_id)",
        "invoices": f"SELECT i.*, {own} AS billed_in, i.issued_on AS rate_on, o.alone "
        "FROM {below} AS i LEFT JOIN customers AS c USING (customer_id) "
        "LEFT JOIN billed AS o USING (customer_id)",
        "contracts": f"SELECT k.*, {customers} AS billed_in, NULL::DATE AS rate_on, false AS alone "
        "FROM {below} AS k LEFT JOIN customers AS c USING (customer_id)",
    }


def _convert(company: Company, table: str, rows: str, currency: str, as_of: date) -> None:
    given = rows.format(below=f'"{table}"')
    run(
        company.db,
        f"CREATE OR REPLACE TEMP TABLE {table}_rated AS SELECT b.*, r.rate AS found_rate "
        f"FROM ({given}) AS b ASOF LEFT JOIN rates AS r ON r.currency = b.billed_in "
        f"AND r.from_on <= coalesce(b.rate_on, DATE '{as_of}')",
    )
    missing = one_row(
        company.db,
        f"SELECT billed_in, min(coalesce(rate_on, DATE '{as_of}')), count(*) FROM {table}_rated "
        f"WHERE found_rate IS NULL AND billed_in <> '{currency}' GROUP BY 1 ORDER BY 1 LIMIT 1",
    )
    if missing:
        raise SourceError(
            table,
            f"{missing[2]} amounts in {missing[0]} have no rate to {currency} on {missing[1]}",
            "Add it under 'exchange_rates' in costs.yaml, with the day from which it holds.",
        )
    rate = f"CASE WHEN billed_in = '{currency}' THEN 1 ELSE found_rate END"
    exact = [
        f"CAST(round({name} * {rate}, 4) AS DECIMAL(18,4)) AS {name}" for name in _AMOUNTS[table]
    ]
    if table == "invoices":
        exact.append("CASE WHEN alone THEN amount END AS own_amount")
        exact.append(f"CASE WHEN alone THEN CAST({rate} AS DECIMAL(18,8)) END AS rate")
        exact.append(
            f"CASE WHEN alone THEN open_amount "
            f"ELSE CAST(round(open_amount * {rate}, 4) AS DECIMAL(18,4)) END AS open_amount"
        )
    cover(
        company.db,
        table,
        f"SELECT * EXCLUDE (billed_in, rate_on, alone, found_rate) REPLACE ({', '.join(exact)}) "
        f"FROM {table}_rated",
    )
