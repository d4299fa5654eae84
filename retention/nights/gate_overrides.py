"""Accept a change of the data: a named person, with a reason, for one table and one night."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from retention.db.models.runs import GateOverride, Run
from retention.db.recording import Entry, record
from retention.domain.documents import current_summary
from retention.domain.entry_doubt import ENTRY
from retention.domain.errors import NotFoundError
from retention.domain.gates import Trip
from retention.domain.people import Permission, Person, require, require_reason
from retention.domain.runs import RunState
from retention.ladder.table_dependence import held_playbooks
from retention.nights.pull import inspect
from retention.policies.load import Policies
from retention.runs import trust
from retention.snapshots.folders import Folders
from retention.sources.canonical import CANONICAL


def accept(
    session: Session, trip: Trip, person: Person, reason: str, as_of: date, now: datetime
) -> GateOverride:
    """Record that `person` accepts what the gate of a table has found on `as_of`.

    It holds for exactly that: data that changes again trips again. Raises NotAllowedError for a
    person who answers for no data or a reason that says nothing. Accepting again replaces it.
    """
    table = trip.table
    require(person, Permission.ACCEPT_DATA, subject=f"gate of {table}")
    said = require_reason(f"gate of {table}", reason)
    found = session.scalars(
        select(GateOverride).where(
            GateOverride.business_date == as_of, GateOverride.table_name == table
        )
    ).one_or_none()
    override = found or GateOverride(business_date=as_of, table_name=table)
    override.found = trip.found
    override.person_id, override.reason, override.accepted_at = person.person_id, said, now
    session.add(override)
    session.flush()
    document = {"table": table, "found": trip.found, "by": person.person_id, "reason": said}
    record(session, Entry(now, "gate.accepted", f"gate {table} {as_of}", document))
    return override


def accepted(session: Session, as_of: date) -> dict[tuple[str, str], str]:
    """Return who has accepted what for a night: by table and what its gate had found."""
    rows = session.scalars(select(GateOverride).where(GateOverride.business_date == as_of))
    return {(row.table_name, row.found): row.person_id for row in rows}


def doubt_of(session: Session) -> dict[str, str]:
    """Return why the newest good night let nobody enter, by playbook."""
    summary = session.scalar(
        select(Run.summary)
        .where(Run.flow == "nightly", Run.state == RunState.COMPLETED)
        .order_by(Run.business_date.desc())
        .limit(1)
    )
    decided = current_summary(summary, "the newest night").get("decisions", {})
    found: dict[str, str] = decided.get("doubt", {})
    return found


def _newcomers(doubt: dict[str, str]) -> Trip:
    if not doubt:
        raise NotFoundError(
            "the newest night", "did not find too many newcomers", "There is nothing to accept."
        )
    return Trip(ENTRY, "; ".join(f"{name}: {found}" for name, found in doubt.items()), "")


def trip_of(
    policies: Policies,
    folders: Folders,
    table: str,
    as_of: date,
    nights: list[dict[str, Any]],
    doubt: dict[str, str] | None = None,
) -> Trip:
    """Return what the gate of `table` finds now; of `entry`, the `doubt` of the newest night.

    Raises NotFoundError for an unknown table, and when there is nothing to accept.
    """
    if table == ENTRY:
        return _newcomers(doubt or {})
    if table not in CANONICAL:
        known = ", ".join(CANONICAL)
        raise NotFoundError(f"table '{table}'", "is no canonical table", f"They are: {known}.")
    for trip in inspect(policies, folders, as_of, nights).trips:
        if trip.table == table:
            return trip
    raise NotFoundError(f"gate of {table}", "has found nothing to accept", "Run the night.")


def history(session: Session, count: int) -> list[dict[str, Any]]:
    """Return what the last good nights have read, newest first."""
    return trust.good_pulls(session, "nightly", count)


def look(
    policies: Policies, folders: Folders, as_of: date, nights: list[dict[str, Any]]
) -> dict[str, Any]:
    """Return what each table's gate says on a date, and which playbooks would wait."""
    inspected = inspect(policies, folders, as_of, nights)
    profiles, trips = inspected.profiles, inspected.trips
    found = {trip.table: f"{trip.found} {trip.seen}".strip() for trip in trips}
    tables = [
        {"table": name, "rows": p["rows"], "newest": p["newest"], "found": found.get(name)}
        for name, p in profiles.items()
    ]
    tables += [
        {"table": name, "rows": None, "newest": None, "found": reason}
        for name, reason in found.items()
        if name not in profiles
    ]
    held = held_playbooks(policies.playbooks, set(found))
    return {
        "as_of": as_of.isoformat(),
        "tables": tables,
        "held_playbooks": sorted(held),
        "noticed": [
            {"table": f.table, "column": f.column, "said": f.said, "seen": f.seen}
            for f in inspected.findings
        ],
    }
