"""Pull the company's data: read, check, gate, divide into shards."""

import shutil
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

from retention.domain.errors import GateTrippedError
from retention.domain.findings import Finding, counted
from retention.domain.gates import Trip
from retention.domain.stages import PlaybookName
from retention.domain.summaries import PullSummary
from retention.ladder.table_dependence import held_playbooks
from retention.policies.load import Policies
from retention.snapshots import store as snapshots
from retention.snapshots.folders import Folders, staged
from retention.sources.canonical import CANONICAL
from retention.sources.currencies import convert_currencies
from retention.sources.customer_profiles import keep_profiles
from retention.sources.extract import count_customers, find_ties
from retention.sources.gate import (
    check_gates,
    count_rows,
    leave_out_tripped,
    notice,
    profile_of,
)
from retention.sources.own_surveys import OwnAnswer, add_answers
from retention.sources.rows import one_row
from retention.sources.staging import find_payers, stage
from retention.sources.tables import Company, FeatureRules, open_company
from retention.sources.winsorise import count_metrics, count_paid_marks, find_caps


@dataclass(frozen=True, slots=True)
class Inspected:
    """What the data of a night looks like: figures by table, gates that trip, what is noticed."""

    profiles: dict[str, dict[str, Any]]
    trips: list[Trip]
    findings: tuple[Finding, ...]


def inspect(
    policies: Policies, folders: Folders, as_of: date, history: list[dict[str, Any]]
) -> Inspected:
    """Return the figures of every readable table, what is noticed, the gates that would trip."""
    company = _open(policies, folders, without_broken=True)
    try:
        profiles, trips = judged(company, policies, folders, as_of, history)
        return Inspected(profiles, trips, tuple(company.findings))
    finally:
        company.close()


def judged(
    company: Company,
    policies: Policies,
    folders: Folders,
    as_of: date,
    history: list[dict[str, Any]],
    before: date | None = None,
) -> tuple[dict[str, dict[str, Any]], list[Trip]]:
    """Return the figures of every table of an open company, and the gates that would trip.

    Customers are compared with the snapshot of `before`, or else with the last one before `as_of`.
    """
    notice(company)
    then = date.fromisoformat(history[0]["as_of"]) if history else None
    profiles = {name: profile_of(company, name, as_of, then) for name in company.mapped}
    before = before or snapshots.latest_before(folders.snapshots, as_of)
    people = snapshots.files(folders.snapshots, before, snapshots.PEOPLE) if before else []
    kept = _kept_profiles(folders, history)
    calendar = policies.calendars.of_company(as_of)
    trips = check_gates(company, profiles, history, policies.guards, as_of, people, kept, calendar)
    return profiles, trips


def _kept_profiles(folders: Folders, history: list[dict[str, Any]]) -> list[tuple[date, Path]]:
    """Return where good nights have kept what each customer had, newest first."""
    days = [date.fromisoformat(night["as_of"]) for night in history]
    return [(day, snapshots.folder(folders.snapshots, day) / snapshots.ROWS) for day in days]


def pull(
    policies: Policies,
    folders: Folders,
    as_of: date,
    history: list[dict[str, Any]] | None = None,
    accepted: dict[tuple[str, str], str] | None = None,
    answers: Sequence[OwnAnswer] = (),
) -> PullSummary:
    """Read, check and gate the sources; write them to the staging folder, by shard.

    `history` is what the last good nights have read, newest first; `accepted` says who has
    accepted what the gate of a table had found; anything else that it finds trips. A table that
    trips counts as missing. `answers` are those to our own survey. Raises GateTrippedError when no
    playbook is left that could go on, SourceError when the customers cannot be read; nothing is
    written then.
    """
    company = _open(policies, folders, without_broken=True)
    try:
        profiles, trips = judged(company, policies, folders, as_of, history or [])
        taken = {
            t.table: (accepted or {})[t.table, t.found]
            for t in trips
            if (t.table, t.found) in (accepted or {}) and t.table not in company.broken
        }
        trips = [trip for trip in trips if trip.table not in taken]
        held = held_playbooks(policies.playbooks, {trip.table for trip in trips})
        _refuse_hopeless(trips, held, policies)
        leave_out_tripped(company, trips)
        tripped = {trip.table: trip.found for trip in trips}
        mapped = {name: profiles[name] for name in company.mapped}
        columns = {name: sorted(listed) for name, listed in company.mapped.items()}
        add_answers(company, answers)
        shards = _stage(company, policies, folders, as_of)
        customers, with_email = count_customers(company, as_of)
    finally:
        company.close()
    return PullSummary(
        as_of=as_of,
        rows={name: profile["rows"] for name, profile in mapped.items()},
        columns=columns,
        customers=customers,
        with_email=with_email,
        not_mapped=tuple(name for name in CANONICAL if name not in mapped),
        tables={**_last_good(history, "tables", tripped), **mapped},
        expected={**_last_good(history, "expected", tripped), **columns},
        tripped=tripped,
        held_playbooks=tuple(sorted(held)),
        accepted=taken,
        shards=shards,
        findings=counted(company.findings),
        noticed=tuple(finding.said_of_table for finding in company.findings),
        examples=tuple(f"{f.table}.{f.column}: {f.seen}" for f in company.findings if f.seen),
    )


def _last_good(
    history: list[dict[str, Any]] | None, what: str, tripped: Collection[str]
) -> dict[str, Any]:
    """Return what the last good night of each tripped table has left; nights hand it on."""
    before = history[0][what] if history else {}
    return {name: before[name] for name in tripped if name in before}


def _refuse_hopeless(trips: list[Trip], held: set[PlaybookName], policies: Policies) -> None:
    if trips and (held == set(policies.playbooks) or any(t.table == "customers" for t in trips)):
        first = trips[0]
        raise GateTrippedError(first.table, first.found, first.remedy, seen=first.seen)


def _stage(company: Company, policies: Policies, folders: Folders, as_of: date) -> int:
    """Convert, cap and divide; start the snapshot. Returns the number of shards."""
    costs = policies.costs
    kept = folders.staging / f"{as_of}-{snapshots.ROWS}"
    shutil.rmtree(kept, ignore_errors=True)
    keep_profiles(company, as_of, kept)
    convert_currencies(company, costs.currency, costs.rates(), as_of)
    find_caps(company, costs.winsorise, as_of)
    count_metrics(company, as_of)
    count_paid_marks(company)
    customers = int(one_row(company.db, "SELECT count(*) FROM customers")[0])
    shards = max(1, -(-customers // folders.shard_customers))
    stage(company, staged(folders, as_of), shards)
    mapped = {name: list(columns) for name, columns in company.mapped.items()}
    manifest = {
        "as_of": as_of.isoformat(),
        "shards": shards,
        "mapped": mapped,
        "left_out": sorted(company.left_out),
        "costs": costs.model_dump(mode="json", by_alias=True),
        "conduct": policies.conduct,
        "noticed": [asdict(finding) | {"seen": ""} for finding in company.findings],
    }
    find_payers(company, staged(folders, as_of))
    ties = find_ties(company, as_of)
    snapshots.begin(folders.snapshots, as_of, manifest)
    shutil.move(kept, snapshots.folder(folders.snapshots, as_of) / snapshots.ROWS)
    snapshots.write_shard(folders.snapshots, as_of, snapshots.TIES, 0, ties)
    return shards


@dataclass(frozen=True, slots=True)
class Checked:
    """What sources hold: rows and columns per mapped table, and what is noticed in them."""

    rows: dict[str, int]
    columns: dict[str, tuple[str, ...]]
    findings: tuple[Finding, ...]


def check_sources(policies: Policies, folders: Folders) -> Checked:
    """Read and check every source. Raises SourceError."""
    company = _open(policies, folders)
    try:
        notice(company)
        return Checked(count_rows(company), dict(company.mapped), tuple(company.findings))
    finally:
        company.close()


def open_for(policies: Policies, folders: Folders, tables: Collection[str]) -> Company:
    """Open some of the company's tables; what cannot be read is noted. Raises SourceError."""
    return _open(policies, folders, without_broken=True, only=tables)


def open_sources(policies: Policies, folders: Folders, as_of: date) -> Company:
    """Open the company's tables, converted and capped as of a date. Raises SourceError."""
    company = _open(policies, folders)
    convert_currencies(company, policies.costs.currency, policies.costs.rates(), as_of)
    find_caps(company, policies.costs.winsorise, as_of)
    return company


def _open(
    policies: Policies,
    folders: Folders,
    *,
    without_broken: bool = False,
    only: Collection[str] | None = None,
) -> Company:
    return open_company(
        policies.sources,
        policies.home,
        folders.environment,
        folders.timezone,
        rules=FeatureRules(
            policies.conduct,
            policies.costs.dunning_days,
            costed=(*policies.costs.activities, *policies.costs.severity),
        ),
        without_broken=without_broken,
        only=only,
        memory=folders.memory,
        spill=folders.staging,
    )
