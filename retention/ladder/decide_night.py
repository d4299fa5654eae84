"""The decisions of one night, as one whole: open, wait, propose, advance, close.

Everything happens in the caller's transaction, so that a night has either happened or not. What is
written depends on the business date, the snapshot and the policies only: a repeated or killed night
leaves the same rows.
"""

from collections.abc import Iterable
from datetime import date

from sqlalchemy.orm import Session

from retention.actions import escalation, offers
from retention.actions import lifecycle as actions
from retention.db.models.work.cases import Case
from retention.db.queries import cases as case_queries
from retention.domain import keys
from retention.domain.decision_kinds import DecisionKind
from retention.domain.playbook import Playbook
from retention.domain.summaries import NightSummary, PullSummary
from retention.ladder import held_batches as batches
from retention.ladder.apply import Applicator, open_case
from retention.ladder.caps import Decided, cap, decide_case
from retention.ladder.changed_addresses import take_back_wrongly_addressed
from retention.ladder.entry import Entrants, find_entrants
from retention.ladder.facts import facts_of
from retention.ladder.inputs import Known, look
from retention.ladder.open_cases import OpenCase, load_open
from retention.ladder.progress import progress_of
from retention.ladder.stuck import find_stuck
from retention.messages.compose import written_at
from retention.messages.sender import Sender
from retention.policies.load import Policies
from retention.safeguards import instalments, preferences
from retention.snapshots.customers import read_facts, read_rows
from retention.snapshots.folders import Folders


def decide_night(
    session: Session, policies: Policies, folders: Folders, sender: Sender, pulled: PullSummary
) -> NightSummary:
    """Decide every case and every entry of a night; return what changed.

    The playbooks that a tripped gate or a switch holds wait: nobody enters, leaves or moves on.
    """
    as_of, root = pulled.as_of, folders.snapshots
    offers.expire_late(session, as_of)
    expired = actions.expire_overdue(session, as_of)
    escalated = escalation.escalate_overdue(session, policies, as_of)
    _see_agreements(session, folders, as_of, sender)
    open_cases = load_open(session)
    known = look(session, policies, folders, pulled, open_cases)
    taken_back = take_back_wrongly_addressed(session, open_cases, known.evidence)
    entrants = _entrants(session, policies, folders, known, open_cases, pulled.customers)
    cases = [_decide(policies, known, s) for s in open_cases if known.pause_of(s) is None]
    cases += [_decide_entrant(policies, known, *entry) for entry in entrants.playbooks.items()]
    at = written_at(as_of, sender.timezone)
    over_cap = _hold_back(session, policies, cases, pulled, sender)
    workdays = policies.calendars.of_company(as_of)
    stuck = find_stuck(session, cases, as_of)
    cleared = case_queries.ever_cleared(session)
    applicator = Applicator(
        session, policies, sender, known.evidence, workdays, at, stuck=stuck, cleared=cleared
    )
    changing = [case for case in cases if applicator.changes_something(case)]
    wanted = {case.open_case.customer_id for case in changing}
    known.evidence.rows.update(read_rows(root, as_of, wanted))
    preferences.read_all(session)
    _apply(applicator, cases, changing)
    applicator.pause(known, open_cases)
    applicator.finish()
    done = applicator.done
    return NightSummary(
        as_of=as_of,
        decisions=dict(sorted(done.decisions.items())),
        waiting=dict(sorted(done.waiting.items(), key=lambda item: (-item[1], item[0]))),
        proposed=dict(sorted(done.proposed.items())),
        confirming=entrants.confirming,
        held_out=entrants.held_out,
        superseded=done.given_up + taken_back,
        expired=expired,
        escalated=escalated,
        open_cases=len(open_cases)
        + done.decisions[DecisionKind.OPEN]
        - done.decisions[DecisionKind.CLOSE],
        over_cap=over_cap,
        newly=entrants.newly,
        doubt=entrants.doubt,
    )


def _see_agreements(session: Session, folders: Folders, as_of: date, sender: Sender) -> None:
    """See in tonight's data what was agreed before: fees that changed, parts that were paid."""
    plans = instalments.running(session)
    agreed = offers.waiting_for_confirmation(session)
    customers = {plan.customer_id for plan in plans} | {a.customer_id for _, a in agreed}
    if customers:
        rows = read_rows(folders.snapshots, as_of, customers)
        offers.confirm(session, rows, as_of)
        instalments.settle(session, plans, rows, as_of, written_at(as_of, sender.timezone))


def _entrants(
    session: Session,
    policies: Policies,
    folders: Folders,
    known: Known,
    open_cases: list[OpenCase],
    active: int,
) -> Entrants:
    with_case = {open_case.customer_id for open_case in open_cases}
    entrants = find_entrants(
        session, policies, folders, known.evidence, with_case, known.exclusions, known.paused,
        active,
    )  # fmt: skip
    if entrants.doubt:
        known.settled = False
    found = read_facts(folders.snapshots, known.evidence.as_of, entrants.playbooks)
    known.evidence.facts.update(found)
    return entrants


def _decide(policies: Policies, known: Known, open_case: OpenCase) -> Decided:
    playbook = known.books[open_case.version]
    as_of = known.evidence.as_of
    customer = open_case.customer_id
    facts = facts_of(
        open_case,
        playbook,
        known.evidence,
        known.exclusions.get(customer, ()),
        leaving=customer in known.leaving,
        data_settled=known.settled,
        gone=policies.sources.means_gone,
        dead=known.dead,
        texts=known.texts,
    )
    progress = progress_of(open_case, playbook, as_of, policies.conversations.accepted_shows)
    row = known.evidence.facts.get(customer, {})
    place = (row.get("country"), row.get("region"))
    days_of = policies.calendars.of_customer(*place, as_of)
    return decide_case(open_case, playbook, progress, facts, as_of, days_of, place)


def _decide_entrant(
    policies: Policies, known: Known, customer_id: str, playbook: Playbook
) -> Decided:
    as_of = known.evidence.as_of
    first = playbook.stages[0].stage
    case_id = keys.case_id(customer_id, playbook.name, as_of)
    open_case = OpenCase(case_id, customer_id, playbook.name, playbook.version, first, as_of)
    decided = _decide(policies, known, open_case)
    decided.is_new = True
    return decided


def _hold_back(
    session: Session,
    policies: Policies,
    cases: list[Decided],
    pulled: PullSummary,
    sender: Sender,
) -> dict[str, int]:
    """Keep the night within its caps; return what was too much, by effect."""
    as_of = pulled.as_of
    released = batches.released(session, as_of)
    held = cap(cases, released, pulled.customers, policies.limits)
    batches.use_up(session, released, as_of)
    for over, customers in held.values():
        batches.hold(session, over, customers, as_of, written_at(as_of, sender.timezone))
    return {effect: over.wanted for effect, (over, _) in sorted(held.items())}


def _apply(applicator: Applicator, cases: list[Decided], changing: list[Decided]) -> None:
    """Write what changes; load the cases that something happens to, and only those."""
    known = {case.open_case.case_id for case in changing}
    existing = _load(applicator.session, [c.open_case.case_id for c in changing if not c.is_new])
    for decided in cases:
        if decided.open_case.case_id not in known:
            applicator.wait(decided)
        elif decided.is_new:
            applicator.apply(decided, open_case(applicator, decided))
        else:
            applicator.apply(decided, existing[decided.open_case.case_id])


def _load(session: Session, case_ids: Iterable[str]) -> dict[str, Case]:
    return {case.id: case for case in case_queries.load(session, list(case_ids))}
