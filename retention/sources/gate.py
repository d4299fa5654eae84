"""The gate before scoring: a table that is readable but not to be trusted is left out tonight.

Missing, empty, late or shrunken data must never worsen anybody's position: what a table says is
unknown while its gate is tripped, and the playbooks that depend on it wait.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from retention.domain.gates import Guards, Trip, judge
from retention.sources.rows import one_row
from retention.sources.tables import Company, leave_out

_ACCEPT = "Mend the export; if it is intended, 'retention gate accept {table}'."

_NEWEST = {
    "invoices": "issued_on",
    "payments": "paid_on",
    "tickets": "CAST(opened_at AS DATE)",
    "usage": "used_on",
    "surveys": "answered_on",
    "cost_events": "occurred_on",
}
_SUMS = {
    "invoices": "abs(amount)",
    "payments": "abs(amount)",
    "contracts": "monthly_fee",
    "tickets": "handling_minutes",
    "usage": "quantity",
    "cost_events": "quantity",
}


def profile_of(company: Company, table: str, as_of: date) -> dict[str, Any]:
    """Return the figures of a table that the gate compares; rows after `as_of` do not count."""
    newest, total = _NEWEST.get(table), _SUMS.get(table)
    there = f"WHERE {newest} <= DATE '{as_of}'" if newest else ""
    columns = company.mapped[table]
    empty = ", ".join(f'count(*) - count("{name}")' for name in columns)
    summed = f"CAST(sum({total}) AS DOUBLE)" if total else "NULL"
    row = one_row(
        company.db,
        f"SELECT count(*), {f'max({newest})' if newest else 'NULL'}, {summed}, {empty} "
        f'FROM "{table}" {there}',
    )
    rows = int(row[0])
    shares = dict(zip(columns, row[3:], strict=True))
    return {
        "rows": rows,
        "newest": row[1].isoformat() if row[1] else None,
        "age": (as_of - row[1]).days if row[1] else None,
        "sum": row[2],
        "empty": {name: round(n / rows, 4) if rows else 0.0 for name, n in shares.items()},
    }


def count_rows(company: Company) -> dict[str, int]:
    """Return the rows of each mapped table."""
    return {
        name: int(one_row(company.db, f'SELECT count(*) FROM "{name}"')[0])
        for name in company.mapped
    }


def check_gates(
    company: Company,
    profiles: Mapping[str, Mapping[str, Any]],
    history: Sequence[Mapping[str, Any]],
    guards: Guards,
    as_of: date,
    previous_people: Sequence[Path] = (),
) -> list[Trip]:
    """Return every table that is not to be trusted, with the reason.

    `history` holds what the last good nights have read, newest first (`expected` and `tables`);
    `previous_people` are the files of the customers of the night before.
    """
    trips = [
        Trip(name, f"{error.where}: {error.found}", error.remedy, error.seen)
        for name, error in company.broken.items()
    ]
    trips += _vanished(company, previous_people, guards.vanished)
    known = {trip.table for trip in trips}
    trips += [trip for trip in _lost(company, history) if trip.table not in known]
    for name, profile in profiles.items():
        found = _wrong(company, name, profile, history, guards, as_of)
        if found and name not in {trip.table for trip in trips}:
            trips.append(Trip(name, found, _ACCEPT.format(table=name)))
    return trips


def leave_out_tripped(company: Company, trips: Sequence[Trip]) -> None:
    """Let the tables that tripped be unknown tonight."""
    for trip in trips:
        leave_out(company, trip.table)


def _lost(company: Company, history: Sequence[Mapping[str, Any]]) -> list[Trip]:
    """A table or column that is gone takes its protections along, like an open complaint."""
    trips = []
    for name, columns in (history[0]["expected"] if history else {}).items():
        gone = [name] if name not in company.mapped else []
        gone += [f"{name}.{c}" for c in columns if c not in company.mapped.get(name, columns)]
        if gone:
            found = f"missing tonight: {', '.join(gone)}"
            trips.append(Trip(name, found, _ACCEPT.format(table=name)))
    return trips


def _wrong(
    company: Company,
    name: str,
    profile: Mapping[str, Any],
    history: Sequence[Mapping[str, Any]],
    guards: Guards,
    as_of: date,
) -> str | None:
    mapping = company.mappings[name]
    if profile["rows"] == 0:
        return None if mapping.allow_empty else "has no rows tonight"
    if mapping.max_age_days is not None and profile["newest"] is not None:
        age = (as_of - date.fromisoformat(profile["newest"])).days
        if age > mapping.max_age_days:
            return (
                f"its newest row is of {profile['newest']}, {age} days before {as_of}; "
                f"at most {mapping.max_age_days} are allowed"
            )
        if history and history[0]["as_of"] < as_of.isoformat():
            before = history[0]["tables"].get(name, {})
            if all(before.get(key) == profile[key] for key in ("rows", "newest", "sum")):
                return f"the same data as in the night of {history[0]['as_of']}: nothing is new"
    return judge(profile, _past(name, history), guards.band_of(name), guards.stale_days)


def _past(name: str, history: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the last good figures, newest first, back to the night whose change was accepted."""
    past = []
    for night in history:
        if name in night["tables"]:
            past.append(night["tables"][name])
        if name in night.get("accepted", {}):
            break
    return past


def _vanished(company: Company, people: Sequence[Path], allowed: float) -> list[Trip]:
    if not people:
        return []
    listed = ", ".join("'" + str(path).replace("'", "''") + "'" for path in people)
    known, gone = one_row(
        company.db,
        f"SELECT count(*), count(*) FILTER (WHERE customer_id NOT IN "
        f"(SELECT customer_id FROM customers)) FROM read_parquet([{listed}])",
    )
    if gone <= known * allowed:
        return []
    found = f"{gone} of {known} customers of the last night have vanished"
    remedy = "A vanished customer is no data, not no activity: check the export."
    return [Trip("customers", found, remedy)]
