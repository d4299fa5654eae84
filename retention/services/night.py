"""The decisions of one night, as one whole: open, wait, propose, advance, close.

Everything happens in the caller's transaction, so that a night has either happened or not. What is
written depends on the business date, the snapshot and the policies only: a repeated or killed night
leaves the same rows.
"""

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import date

from sqlalchemy.orm import Session

from retention.db.models import Action, Case
from retention.db.queries import cases as case_queries
from retention.domain.actions import ActionKind, ActionState
from retention.domain.cases import CaseState
from retention.domain.dates import Period
from retention.domain.decisions import Decision, DecisionKind, decide
from retention.domain.playbook import Playbook, Step
from retention.domain.stages import PlaybookName
from retention.domain.summaries import NightSummary, PullSummary
from retention.playbooks.loading import parse_playbook
from retention.services import actions, cases
from retention.services.composing import Sender, Terms
from retention.services.confirmations import Key, count_nights
from retention.services.dependence import tables_of
from retention.services.evidence import ENTRY, LEAVE, Evidence, add_rows, condition_key, gather
from retention.services.places import Places
from retention.services.policies import Policies
from retention.services.progress import facts_of, progress_of
from retention.services.receipts import write_receipt

_AFTER_ALL_STEPS = 99
_SOURCE_HELD = "source_held"


@dataclass(slots=True)
class Night:
    """One night at work, and what it has counted so far."""

    session: Session
    policies: Policies
    sender: Sender
    as_of: date
    evidence: Evidence
    books: dict[str, Playbook]
    held: set[PlaybookName] = field(default_factory=set)
    leave_nights: dict[Key, int] = field(default_factory=dict)
    decisions: Counter[str] = field(default_factory=Counter)
    waiting: Counter[str] = field(default_factory=Counter)
    proposed: Counter[str] = field(default_factory=Counter)
    confirming: int = 0
    given_up: int = 0
    expired: int = 0


def decide_night(
    session: Session, policies: Policies, places: Places, sender: Sender, pulled: PullSummary
) -> NightSummary:
    """Decide every case and every entry of a night; return what changed.

    The playbooks that a tripped gate holds wait: nobody enters, leaves or moves on.
    """
    as_of = pulled.as_of
    books = _books(session, policies)
    open_cases = {case.customer_id: case for case in case_queries.list_open(session)}
    evidence = gather(places.snapshots, as_of, list(books.values()), list(open_cases))
    held = {book.name for book in books.values() if tables_of(book) & set(pulled.tripped)}
    night = Night(session, policies, sender, as_of, evidence, books, held)
    entrants = _entrants(night, open_cases)
    add_rows(evidence, places.snapshots, [*open_cases, *entrants])
    _count_leaving(night, open_cases)
    for case in open_cases.values():
        night.expired += actions.expire_overdue(session, case, as_of)
        _work_on(night, case)
    for customer_id, playbook in entrants.items():
        _enter(night, customer_id, playbook)
    session.flush()
    closed = night.decisions[DecisionKind.CLOSE]
    return NightSummary(
        as_of=as_of,
        decisions=dict(sorted(night.decisions.items())),
        waiting=dict(night.waiting.most_common()),
        proposed=dict(sorted(night.proposed.items())),
        confirming=night.confirming,
        superseded=night.given_up,
        expired=night.expired,
        open_cases=len(open_cases) + len(entrants) - closed,
    )


def _books(session: Session, policies: Policies) -> dict[str, Playbook]:
    """Return the playbooks in force and those that running cases are pinned to, by version."""
    books = {book.version: book for book in policies.playbooks.values()}
    for version, document in case_queries.documents_in_use(session).items():
        if version not in books:
            books[version] = parse_playbook(document, f"playbook version {version[:12]}")
    return books


def _entrants(night: Night, open_cases: dict[str, Case]) -> dict[str, Playbook]:
    """Return who enters tonight; `restore` goes before `retain`."""
    closed_on = case_queries.last_closed_on(night.session)
    holding: list[Key] = []
    for name, book in night.policies.playbooks.items():
        if name in night.held:
            continue
        for customer in night.evidence.true_for(condition_key(book, ENTRY)):
            last = closed_on.get((customer, name))
            resting = last is not None and night.as_of < book.again.after(last)
            if customer not in open_cases and not resting:
                holding.append((customer, name))
    nights = count_nights(night.session, ENTRY, holding, night.as_of, paused=night.held)
    entrants: dict[str, Playbook] = {}
    for name in PlaybookName:
        found = night.policies.playbooks.get(name)
        for customer, playbook in sorted(nights):
            if found is None or playbook is not name or customer in entrants:
                continue
            if nights[(customer, playbook)] >= found.entry.nights:
                entrants[customer] = found
    night.confirming = len({customer for customer, _ in nights} - set(entrants))
    return dict(sorted(entrants.items()))


def _count_leaving(night: Night, open_cases: dict[str, Case]) -> None:
    holding = [
        (customer, case.playbook)
        for customer, case in open_cases.items()
        if case.playbook not in night.held
        and night.evidence.values[condition_key(night.books[case.version], LEAVE)].get(customer)
    ]
    night.leave_nights = count_nights(night.session, LEAVE, holding, night.as_of, paused=night.held)


def _enter(night: Night, customer_id: str, playbook: Playbook) -> None:
    case = cases.open_case(night.session, customer_id, playbook, night.as_of)
    opening = Decision(DecisionKind.OPEN, "entry_condition_confirmed", stage=case.stage)
    _count(night, opening, playbook)
    write_receipt(night.session, case, opening, playbook, night.evidence)
    _work_on(night, case)


def _work_on(night: Night, case: Case) -> None:
    """Decide a case until it waits, has a new action, or is closed; each stage once at most."""
    if case.playbook in night.held:
        case.waiting_for = _SOURCE_HELD
        night.waiting[_SOURCE_HELD] += 1
        return
    playbook = night.books[case.version]
    leaving = night.leave_nights.get((case.customer_id, case.playbook), 0)
    for _ in playbook.stages:
        facts = facts_of(case, playbook, night.evidence, leaving)
        decision = decide(progress_of(case, playbook), playbook, facts, night.as_of)
        if _apply(night, case, playbook, decision) is not DecisionKind.ADVANCE:
            return


def _retract(night: Night, case: Case) -> None:
    """The customer holds a notice that no longer counts: somebody has to call."""
    row = night.evidence.rows[case.customer_id]
    manager = night.policies.team.account_manager_of(row["account_manager"])
    call = Step(ActionKind.CALL, form="retract_notice", due=Period(5, workdays=True))
    actions.propose(
        night.session,
        case,
        _AFTER_ALL_STEPS,
        call,
        Terms(),
        row,
        manager,
        night.sender,
        night.as_of,
    )
    night.proposed[f"{case.stage}:retract_notice"] += 1


def _apply(night: Night, case: Case, playbook: Playbook, decision: Decision) -> DecisionKind:
    action = None
    notified = progress_of(case, playbook).notice_effective_on is not None
    if decision.kind is DecisionKind.PROPOSE:
        action = _propose(night, case, playbook, decision.step or 0)
        if action is None:
            decision = replace(decision, kind=DecisionKind.WAIT, reason="offer_not_computable")
    _count(night, decision, playbook)
    if decision.kind is DecisionKind.WAIT:
        case.waiting_for = decision.reason
        night.waiting[decision.reason] += 1
        if decision.withdraw:
            night.given_up += actions.withdraw_emails(night.session, case)
        return decision.kind
    write_receipt(night.session, case, decision, playbook, night.evidence, action)
    if decision.kind is DecisionKind.PROPOSE:
        case.waiting_for = "step_pending_approval"
    if decision.stage is not None:
        night.given_up += actions.give_up(night.session, case, ActionState.SUPERSEDED)
        cases.enter_stage(case, decision.stage, night.as_of, reason=decision.reason)
    if decision.outcome is not None:
        night.given_up += actions.give_up(night.session, case, ActionState.CANCELLED)
        cases.close_case(case, decision.outcome, night.as_of, reason=decision.reason)
        if decision.outcome is CaseState.RESTORED and notified:
            _retract(night, case)
    return decision.kind


def _propose(night: Night, case: Case, playbook: Playbook, position: int) -> Action | None:
    step = playbook.rule(case.stage).steps[position]
    row = night.evidence.rows[case.customer_id]
    terms = actions.terms_of(playbook, step, row, night.policies.notice_days, night.as_of)
    if terms is None:
        return None
    manager = night.policies.team.account_manager_of(row["account_manager"])
    action = actions.propose(
        night.session, case, position, step, terms, row, manager, night.sender, night.as_of
    )
    night.proposed[f"{case.stage}:{action.template or action.kind}"] += 1
    return action


def _count(night: Night, decision: Decision, playbook: Playbook) -> None:
    night.decisions[decision.kind.value] += 1
    if decision.stage or decision.outcome:
        night.decisions[f"{playbook.name}:{decision.stage or decision.outcome}"] += 1
