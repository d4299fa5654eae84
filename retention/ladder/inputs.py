"""What a night knows before it decides anything."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from sqlalchemy.orm import Session

from retention.db.queries import cases as case_queries
from retention.domain.errors import ConfigError
from retention.domain.exclusions import Exclusion
from retention.domain.playbook import LEAVE, Playbook
from retention.domain.stages import PlaybookName
from retention.domain.summaries import PullSummary
from retention.ladder.condition_values import Evidence, condition_key, gather
from retention.ladder.confirmations import count_nights
from retention.ladder.open_cases import OpenCase
from retention.ladder.table_dependence import tables_of
from retention.playbooks.loading import parse_pinned
from retention.policies.load import Policies
from retention.runs import trust
from retention.safeguards import dead_addresses, exclusions, preferences
from retention.safeguards import kill_switch as switches
from retention.snapshots.customers import read_facts
from retention.snapshots.folders import Folders

SOURCE_HELD, STOPPED, UNREADABLE = "source_held", "playbook_stopped", "playbook_unreadable"


@dataclass(slots=True)
class Known:
    """One night's evidence, the rules in force, and who is apart.

    `paused` says why a playbook waits as a whole; `settled` says that all data has been
    undisturbed for long enough; `leaving` are the customers whose leave condition is confirmed,
    `dead` the addresses that do not take our mail, `texts` who has agreed to texts.
    """

    evidence: Evidence
    books: dict[str, Playbook]
    paused: dict[PlaybookName, str]
    exclusions: Mapping[str, tuple[Exclusion, ...]]
    settled: bool
    dead: frozenset[str]
    texts: frozenset[str] = frozenset()
    leaving: set[str] = field(default_factory=set)

    def pause_of(self, open_case: OpenCase) -> str | None:
        """Return why a case is not looked at tonight, or None."""
        if open_case.version not in self.books:
            return UNREADABLE
        return self.paused.get(open_case.playbook)


def look(
    session: Session,
    policies: Policies,
    folders: Folders,
    pulled: PullSummary,
    open_cases: list[OpenCase],
) -> Known:
    """Gather what tonight's decisions rest on."""
    as_of = pulled.as_of
    books = _books(session, policies)
    with_case = [open_case.customer_id for open_case in open_cases]
    evidence = gather(folders.snapshots, as_of, list(books.values()), with_case)
    evidence.facts.update(read_facts(folders.snapshots, as_of, with_case))
    known = Known(
        evidence=evidence,
        books=books,
        paused=_paused(session, books, pulled),
        exclusions=exclusions.by_customer(session, as_of),
        settled=_is_settled(session, policies, pulled),
        dead=frozenset(dead_addresses.dead(session)),
        texts=preferences.take_texts(session),
    )
    known.leaving = _leaving(session, policies, known, open_cases, as_of)
    return known


def _books(session: Session, policies: Policies) -> dict[str, Playbook]:
    """Return the playbooks in force and those that running cases are pinned to, by version.

    A version that this program can no longer read is left out; its cases wait.
    """
    books = {book.version: book for book in policies.playbooks.values()}
    for version, document in case_queries.documents_in_use(session).items():
        if version in books:
            continue
        try:
            books[version] = parse_pinned(document)
        except ConfigError:
            continue
    return books


def _paused(
    session: Session, books: dict[str, Playbook], pulled: PullSummary
) -> dict[PlaybookName, str]:
    stopped = switches.stopped(session)
    paused = {name: STOPPED for name in PlaybookName if f"playbook:{name}" in stopped}
    tripped = set(pulled.tripped)
    paused |= {b.name: SOURCE_HELD for b in books.values() if tables_of(b) & tripped}
    return paused


def _is_settled(session: Session, policies: Policies, pulled: PullSummary) -> bool:
    """Nothing adverse on a single good night, nor while any table is not to be trusted."""
    limits = policies.limits
    nights = [set(pulled.tripped) | set(pulled.accepted)]
    nights += trust.disturbed(session, "nightly", pulled.as_of, limits.gap_days, limits.good_nights)
    recent = nights[: limits.good_nights]
    return len(recent) == limits.good_nights and not any(recent)


def _leaving(
    session: Session,
    policies: Policies,
    known: Known,
    open_cases: list[OpenCase],
    as_of: date,
) -> set[str]:
    holding = [
        (s.customer_id, s.playbook)
        for s in open_cases
        if known.pause_of(s) is None
        and known.evidence.values[condition_key(known.books[s.version], LEAVE)].get(s.customer_id)
    ]
    nights = count_nights(
        session, LEAVE, holding, as_of, gap_days=policies.limits.gap_days, paused=known.paused
    )
    return {
        s.customer_id
        for s in open_cases
        if s.version in known.books
        and nights.get((s.customer_id, s.playbook), 0) >= known.books[s.version].leave.nights
    }
