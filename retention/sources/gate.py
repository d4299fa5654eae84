"""The gate before scoring: a table that is readable but not to be trusted is left out tonight.

Missing, empty, late or shrunken data must never worsen anybody's position: what a table says is
unknown while its gate is tripped, and the playbooks that depend on it wait.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import groupby
from pathlib import Path
from statistics import median
from typing import Any

from retention.domain.dates import WEEKDAYS, Calendar
from retention.domain.findings import Finding
from retention.domain.gates import Guards, Trip, judge
from retention.domain.people_gates import judge_people
from retention.domain.sending import SOMEWHERE
from retention.sources.canonical import CANONICAL
from retention.sources.customer_profiles import changes
from retention.sources.identities import find_unmatched
from retention.sources.rows import one_row
from retention.sources.tables import Company, leave_out

_NEARLY_ALL, _TIMES_USUAL = 0.5, 3
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


def profile_of(
    company: Company, table: str, as_of: date, before: date | None = None
) -> dict[str, Any]:
    """Return the figures of a table that the gate compares; rows after `as_of` do not count.

    With `before` also the rows and the sum that there were up to that date, as it looks tonight.
    """
    newest, total = _NEWEST.get(table), _SUMS.get(table)
    there = f"WHERE {newest} <= DATE '{as_of}'" if newest else ""
    columns = company.mapped[table]
    # A country that nobody understands is as good as none: a flood of them has to be noticed.
    empty = ", ".join(f"count(*) - count(nullif(\"{c}\"::VARCHAR, '{SOMEWHERE}'))" if c == "country"
                      else f'count(*) - count("{c}")' for c in columns)  # fmt: skip
    summed = f"CAST(sum({total}) AS DOUBLE)" if total else "NULL"
    then = f"FILTER (WHERE {newest} <= DATE '{before}')" if newest and before else ""
    summed_then = f"CAST(sum({total}) {then} AS DOUBLE)" if total else "NULL"
    row = one_row(
        company.db,
        f"SELECT count(*), {f'max({newest})' if newest else 'NULL'}, {summed}, "
        f'count(*) {then}, {summed_then}, {empty} FROM "{table}" {there}',
    )
    rows = int(row[0])
    shares = dict(zip(columns, row[5:], strict=True))
    past = {"rows_then": int(row[3]), "sum_then": row[4]} if then else {}
    return past | {
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
    kept: Sequence[tuple[date, Path]] = (),
    calendar: Calendar = WEEKDAYS,
) -> list[Trip]:
    """Return every table that is not to be trusted, with all the reasons.

    `history` holds what the last good nights have read, newest first (`expected` and `tables`);
    `previous_people` are the files of the customers of the night before, `kept` the folders in
    which good nights have kept what each customer had, newest first.
    """
    trips = [
        Trip(name, f"{error.where}: {error.found}", error.remedy, error.seen)
        for name, error in company.broken.items()
    ]
    trips += _vanished(company, previous_people, guards)
    trips += _lost(company, history)
    for name, profile in profiles.items():
        found = _wrong(company, name, profile, history, guards, as_of, calendar)
        if found:
            trips.append(Trip(name, found, _ACCEPT.format(table=name)))
    for name, change in changes(company, kept).items():
        found = judge_people(change, guards.people)
        if found:
            trips.append(Trip(name, found, _ACCEPT.format(table=name)))
    trips += _noticed(company.findings, history, guards)
    places = {name: place for place, name in enumerate(CANONICAL)}
    trips.sort(key=lambda trip: places.get(trip.table, len(places)))
    return [_together(list(of)) for _, of in groupby(trips, key=lambda trip: trip.table)]


def notice(company: Company) -> None:
    """Add to what was noticed the rows that name nothing that is there."""
    company.findings += find_unmatched(company.db, company.mapped)


def _together(trips: list[Trip]) -> Trip:
    """All that is found in a table is one finding, so that nobody accepts a part unseen."""
    found = "; ".join(dict.fromkeys(trip.found for trip in trips))
    seen = "; ".join(trip.seen for trip in trips if trip.seen)
    return Trip(trips[0].table, found, trips[0].remedy, seen)


def _noticed(
    findings: Sequence[Finding], history: Sequence[Mapping[str, Any]], guards: Guards
) -> list[Trip]:
    return [
        Trip(f.table, f.said, f.remedy, f.seen)
        for f in findings
        if f.trips or (f.kind == "unmatched" and f.share > _allowed(f, history, guards))
    ]


def _allowed(finding: Finding, history: Sequence[Mapping[str, Any]], guards: Guards) -> float:
    """Return the share of rows without a match that is usual, and never nearly all."""
    past = [night.get("findings", {}).get(finding.key) for night in history]
    shares = [count / of for count, of in (pair for pair in past if pair) if of]
    usual = median([*shares, *[0.0] * (len(history) - len(shares))]) if history else 0.0
    return min(max(guards.unmatched, _TIMES_USUAL * usual), _NEARLY_ALL)


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
    calendar: Calendar,
) -> str | None:
    mapping = company.mappings[name]
    if profile["rows"] == 0:
        return None if mapping.allow_empty else "has no rows tonight"
    if mapping.max_age_days is not None and profile["newest"] is not None:
        old = too_old(profile["newest"], mapping.max_age_days, as_of, calendar)
        if old:
            return old
        if history and history[0]["as_of"] < as_of.isoformat():
            before = history[0]["tables"].get(name, {})
            passed = calendar.workdays_between(date.fromisoformat(history[0]["as_of"]), as_of)
            same = all(before.get(key) == profile[key] for key in ("rows", "newest", "sum"))
            if same and passed:
                return f"the same data as in the night of {history[0]['as_of']}: nothing is new"
    return judge(profile, _past(name, history), guards.band_of(name), guards.stale_days)


def find_too_old(company: Company, as_of: date, calendar: Calendar) -> tuple[str, str] | None:
    """Return the first table whose newest row is older than it may be at `as_of`, and its age."""
    for name, mapping in company.mappings.items():
        if name in company.mapped and mapping.max_age_days is not None:
            newest = profile_of(company, name, as_of)["newest"]
            old = newest and too_old(newest, mapping.max_age_days, as_of, calendar)
            if old:
                return name, old
    return None


def too_old(newest: str, allowed: int, as_of: date, calendar: Calendar) -> str | None:
    """Say when a table's newest row lies more workdays back than are allowed."""
    age = calendar.workdays_between(date.fromisoformat(newest), as_of)
    if age <= allowed:
        return None
    back = f"{age} workday" if age == 1 else f"{age} workdays"
    return f"its newest row is of {newest}, {back} before {as_of}, at most {allowed} are allowed"


def _past(name: str, history: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the last good figures, newest first, back to the night whose change was accepted."""
    past = []
    for night in history:
        if name in night["tables"]:
            past.append(night["tables"][name])
        if name in night.get("accepted", {}):
            break
    return past


def _vanished(company: Company, people: Sequence[Path], guards: Guards) -> list[Trip]:
    if not people:
        return []
    listed = ", ".join("'" + str(path).replace("'", "''") + "'" for path in people)
    known, gone = one_row(
        company.db,
        f"SELECT count(*), count(*) FILTER (WHERE customer_id NOT IN "
        f"(SELECT customer_id FROM customers)) FROM read_parquet([{listed}])",
    )
    merged = sum(f.count for f in company.findings if f.key == "customers.customer_id:merged")
    if gone - merged <= max(known * guards.vanished, guards.vanished_least):
        return []
    found = f"{gone} of {known} customers of the last night have vanished"
    remedy = "A vanished customer is no data, not no activity: check the export."
    return [Trip("customers", found, remedy)]
