"""The gate before scoring: data that is readable but not to be trusted stops the night.

Missing, empty, late or shrunken data must never worsen anybody's position, so a tripped gate
leaves yesterday's scores and every case as they are.
"""

from datetime import date
from pathlib import Path
from typing import Any

from retention.domain.errors import GateTrippedError
from retention.sources.rows import one_row
from retention.sources.tables import Company

MAX_VANISHED_SHARE = 0.01
MAX_SHRINKAGE = 0.05
_INTENDED = "Mend the export; if it is intended, run once with --accept-changes."

_NEWEST = {
    "invoices": "max(issued_on)",
    "payments": "max(paid_on)",
    "tickets": "max(CAST(opened_at AS DATE))",
    "usage": "max(used_on)",
    "surveys": "max(answered_on)",
    "cost_events": "max(occurred_on)",
}


def count_rows(company: Company) -> dict[str, int]:
    """Return the rows of each mapped table."""
    return {name: _number(company, f'SELECT count(*) FROM "{name}"') for name in company.mapped}


def check_gate(company: Company, as_of: date, previous_people: Path | None) -> dict[str, int]:
    """Return the rows per table, or raise GateTrippedError naming the table and the reason.

    `previous_people` is the Parquet file of the customers of the night before, if there was one.
    """
    rows = count_rows(company)
    for name, count in rows.items():
        mapping = company.mappings[name]
        if count == 0 and not mapping.allow_empty:
            raise GateTrippedError(
                name, "has no rows tonight", "Mend the export, or set 'allow_empty: true'."
            )
        if mapping.max_age_days is not None:
            _refuse_stale(company, name, mapping.max_age_days, as_of)
    if previous_people is not None:
        _refuse_vanished(company, previous_people)
    return rows


def refuse_losses(company: Company, rows: dict[str, int], last: dict[str, Any]) -> None:
    """Raise GateTrippedError when tonight has less than the last night had.

    A table or column that is gone takes its protections along (an open complaint, a payment), so it
    must never look like nothing to protect.
    """
    for name, columns in last["columns"].items():
        gone = [name] if name not in company.mapped else []
        gone += [f"{name}.{c}" for c in columns if c not in company.mapped.get(name, columns)]
        if gone:
            raise GateTrippedError(name, f"missing tonight: {', '.join(gone)}", _INTENDED)
    for name, before in last["rows"].items():
        if rows.get(name, 0) < before * (1 - MAX_SHRINKAGE):
            raise GateTrippedError(
                name, f"has {rows.get(name, 0)} rows, {before} in the last night", _INTENDED
            )


def _refuse_stale(company: Company, name: str, max_age_days: int, as_of: date) -> None:
    newest_sql = _NEWEST.get(name)
    if newest_sql is None:
        return
    row = one_row(
        company.db,
        f"SELECT {newest_sql} FROM \"{name}\" WHERE {newest_sql[4:-1]} <= DATE '{as_of}'",
    )
    newest = row[0] if row else None
    if newest is None or (as_of - newest).days > max_age_days:
        raise GateTrippedError(
            name,
            f"its newest row is of {newest}, more than {max_age_days} days before {as_of}",
            "Wait for fresh data, or correct 'max_age_days' in sources.yaml.",
        )


def _refuse_vanished(company: Company, previous_people: Path) -> None:
    before = str(previous_people).replace("'", "''")
    row = one_row(
        company.db,
        f"SELECT count(*), count(*) FILTER (WHERE customer_id NOT IN "
        f"(SELECT customer_id FROM customers)) FROM read_parquet('{before}')",
    )
    known, vanished = row or (0, 0)
    if vanished > known * MAX_VANISHED_SHARE:
        raise GateTrippedError(
            "customers",
            f"{vanished} of {known} customers of the last night have vanished",
            "A vanished customer is no data, not no activity: check the export.",
        )


def _number(company: Company, sql: str) -> int:
    return int(one_row(company.db, sql)[0])
