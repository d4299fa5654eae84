"""Rows of a snapshot by customer: scores, names and addresses, contacts, profit by night."""

from collections.abc import Iterable, Sequence
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

from retention.scratch import scratch
from retention.snapshots import store as snapshots


def profit_by_night(root: Path, days: Sequence[date], customer_id: str) -> list[tuple[str, float]]:
    """Return a customer's profit of a year as each of these nights saw it, oldest first."""
    files = [str(f) for day in days for f in snapshots.files(root, day, snapshots.SCORES)]
    if not files:
        return []
    query = (
        "SELECT CAST(as_of AS VARCHAR), CAST(net_profit_12m AS DOUBLE) FROM read_parquet(?, "
        "hive_partitioning = true, union_by_name = true) "
        "WHERE customer_id = ? AND net_profit_12m IS NOT NULL ORDER BY 1"
    )
    with scratch() as db:
        return db.execute(query, [files, customer_id]).fetchall()


_FACTS = (
    "s.customer_id, s.kind, s.country, s.region, s.status, s.strategic, s.vulnerable, s.has_email, "
    "s.prepaid, s.contract_ended_on, s.net_profit_12m_high, s.recovering, s.disputed_amount, "
    "s.open_complaint, p.email, p.marketing_consent, p.leaving_on"
)


# A night of an earlier version knew nothing of it.
_NOT_YET_KNOWN = (
    "(SELECT * FROM {} UNION ALL BY NAME SELECT CAST(NULL AS DATE) AS leaving_on WHERE false)"
)
_EVERYTHING = "s.*, p.* EXCLUDE (customer_id, kind, language, country)"


def read_facts(root: Path, as_of: date, customers: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return the few columns that decisions need, by customer; who is not in that night is not."""
    return _read(root, as_of, customers, _FACTS)


def read_rows(root: Path, as_of: date, customers: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return the full score rows with names, by customer; who is not in that night is not."""
    return _read(root, as_of, customers, _EVERYTHING)


def contacts_of(root: Path, customer_id: str) -> list[dict[str, str | None]]:
    """Return who is known at a customer by the newest night: name, role, email, phone."""
    night = snapshots.newest(root)
    rows = read_rows(root, night, [customer_id]) if night else {}
    return rows.get(customer_id, {}).get("contacts") or []


def _read(
    root: Path, as_of: date, customers: Iterable[str], columns: str
) -> dict[str, dict[str, Any]]:
    """Return rows by customer. Somebody at their page asks for their own again and again."""
    wanted = sorted(customers)
    if len(wanted) != 1:
        return _found(root, as_of, columns, "s.customer_id IN (SELECT unnest(?))", [wanted])
    changed = tuple(
        path.stat().st_mtime_ns
        for what in (snapshots.SCORES, snapshots.PEOPLE)
        for path in snapshots.files(root, as_of, what)
    )
    return {customer: dict(row) for customer, row in _of(root, as_of, columns, *wanted, changed)}


@lru_cache(maxsize=128)
def _of(
    root: Path, as_of: date, columns: str, customer: str, _changed: tuple[int, ...]
) -> list[tuple[str, dict[str, Any]]]:
    """`_changed` is part of the key: an erased customer's row is not found here again."""
    where = "s.customer_id = ? AND p.customer_id = ?"  # in both: so each file is filtered itself
    return list(_found(root, as_of, columns, where, [customer, customer]).items())


def _found(
    root: Path, as_of: date, columns: str, where: str, given: list[Any]
) -> dict[str, dict[str, Any]]:
    scores = snapshots.scan(root, as_of, snapshots.SCORES)
    people = _NOT_YET_KNOWN.format(snapshots.scan(root, as_of, snapshots.PEOPLE))
    query = f"SELECT {columns} FROM {scores} AS s JOIN {people} AS p USING (customer_id)"
    with scratch() as db:
        found = db.execute(f"{query} WHERE {where}", given)
        names = [column[0] for column in found.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    return {row["customer_id"]: row for row in rows}
