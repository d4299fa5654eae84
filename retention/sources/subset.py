"""Leave only the rows of a few customers, so that their features are made in a moment."""

from collections.abc import Collection
from datetime import date

import pyarrow as pa

from retention.sources.rows import one_row, run
from retention.sources.staging import rows_of
from retention.sources.tables import Company, drop_table


def keep_only(company: Company, customers: Collection[str]) -> None:
    """Leave only what belongs to `customers`; a payment belongs to whose invoice it pays."""
    company.db.register("wanted", pa.table({"customer_id": pa.array(sorted(customers))}))
    for name in sorted(company.mapped, key=lambda table: table != "payments"):
        rows = rows_of(company, name)
        run(
            company.db,
            f"CREATE TEMP TABLE kept AS SELECT * FROM ({rows}) "
            "WHERE customer_id IN (SELECT customer_id FROM wanted)",
        )
        drop_table(company, name)
        run(company.db, f'ALTER TABLE kept RENAME TO "{name}"')
    company.owned = True
    company.db.unregister("wanted")


def count_complaints(company: Company, after: date) -> dict[str, int]:
    """Return how many complaints, closed or not, each customer has made after a day."""
    if "complaint" not in company.mapped.get("tickets", ()):
        return {}
    found = company.db.execute(
        "SELECT customer_id, count(*) FROM tickets WHERE complaint "
        "AND NOT coalesce(own_fault, false) AND CAST(opened_at AS DATE) > ? GROUP BY ALL",
        [after],
    ).fetchall()
    return dict(found)


def forget_invoices_after(company: Company, day: date) -> bool:
    """Leave out what was billed after a day, and tell whether there was any.

    Credits count, whenever they came.
    """
    gone = one_row(
        company.db, f"DELETE FROM invoices WHERE issued_on > DATE '{day}' AND amount > 0"
    )
    return bool(gone[0])
