"""What needs all customers at once: where one entry is too large, and how much can be used."""

from datetime import date

from retention.domain.dates import months_before
from retention.sources.rows import run
from retention.sources.tables import Company

_ENOUGH_ENTRIES = 1000


def find_caps(company: Company, share: float, as_of: date) -> None:
    """Fill `caps`: per activity, the value that `share` of its single entries do not exceed.

    Entries of the 12 months up to `as_of`, of all customers. Fewer than 1,000 entries give no cap.
    Larger ones are winsorised: they count as the cap, and the profit says what was cut off.
    """
    after = months_before(as_of, 12)
    run(
        company.db,
        f"""
        CREATE OR REPLACE TEMP TABLE caps AS
        SELECT activity, quantile_disc(quantity, {share}) AS cap
        FROM (
            SELECT 'ticket_minute.' || coalesce(lower(trim(channel)), 'other') AS activity,
                handling_minutes AS quantity
            FROM tickets
            WHERE CAST(opened_at AS DATE) <= DATE '{as_of}'
                AND CAST(opened_at AS DATE) > DATE '{after}' AND handling_minutes > 0
            UNION ALL
            SELECT lower(trim(driver)), coalesce(quantity, 1)
            FROM cost_events
            WHERE occurred_on <= DATE '{as_of}' AND occurred_on > DATE '{after}'
                AND coalesce(quantity, 1) > 0
        )
        GROUP BY activity
        HAVING count(*) >= {_ENOUGH_ENTRIES}
        """,
    )


def count_metrics(company: Company, as_of: date) -> None:
    """Fill `metrics` with how many metrics of use there are up to `as_of`, for all customers."""
    run(
        company.db,
        f"INSERT INTO metrics SELECT count(DISTINCT metric) FROM usage "
        f"WHERE used_on <= DATE '{as_of}' AND coalesce(quantity, 1) > 0",
    )


def count_paid_marks(company: Company) -> None:
    """Fill `paid_marks` with how many invoices of all customers are marked as paid."""
    run(
        company.db,
        "INSERT INTO paid_marks SELECT count(*) FROM invoices WHERE lower(trim(status)) = 'paid'",
    )
