"""The one applicator: what was decided becomes rows, receipts and composed messages."""

from collections import Counter
from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy.orm import Session

from retention.actions import lifecycle as actions
from retention.actions import offers
from retention.cases import lifecycle as cases
from retention.db.models.work.actions import Action
from retention.db.models.work.cases import Case
from retention.domain.actions import OPEN_ACTION_STATES, ActionKind, ActionState, Purpose
from retention.domain.cases import CaseState
from retention.domain.dates import Calendar
from retention.domain.decision_kinds import DecisionKind
from retention.domain.decisions import Decision, entered
from retention.domain.forms import REPLY
from retention.domain.limits import OPEN
from retention.domain.offers import VoidReason
from retention.domain.playbook import Playbook
from retention.domain.progress import CaseProgress
from retention.domain.stages import ADVERSE_STAGES, GUARDED_STAGES
from retention.ladder.caps import Decided
from retention.ladder.condition_values import Evidence
from retention.ladder.decision_receipts import Grounds, write_receipt
from retention.ladder.inputs import Known
from retention.ladder.open_cases import CaseAction, OpenCase
from retention.ladder.progress import RETRACT, owes_call
from retention.ladder.propose import Proposals
from retention.messages.sender import Sender
from retention.policies.load import Policies

_WITHOUT_DATA = frozenset({"no_data_tonight", "data_not_settled"})

OVER_CAP_OPEN = f"over_cap:{OPEN}"


@dataclass(slots=True)
class Applied:
    """What a night has changed, counted."""

    decisions: Counter[str] = field(default_factory=Counter)
    waiting: Counter[str] = field(default_factory=Counter)
    proposed: Counter[str] = field(default_factory=Counter)
    given_up: int = 0


@dataclass(frozen=True, slots=True)
class Applicator:
    """Applies decisions in one transaction, dated `at`; `stuck` are cases that wait in vain.

    `cleared` are the customers with a case that was our own fault.
    """

    session: Session
    policies: Policies
    sender: Sender
    evidence: Evidence
    workdays: Calendar
    at: datetime
    done: Applied = field(default_factory=Applied)
    waits: list[dict[str, str]] = field(default_factory=list)
    stuck: Container[str] = ()
    cleared: Container[str] = ()

    @property
    def as_of(self) -> date:
        """The business date of the night."""
        return self.evidence.as_of

    @property
    def proposals(self) -> Proposals:
        """Where what is proposed tonight is written."""
        return Proposals(self.session, self.policies, self.sender, self.evidence, self.workdays,
                         self.done.proposed, self.cleared)  # fmt: skip

    def apply(self, decided: Decided, case: Case) -> None:
        """Apply a case's chain of decisions, in order."""
        progress = decided.progress
        if owes_call(decided.open_case) and not _is_calling(case):
            self.proposals.call_back(case)
        if case.id in self.stuck:
            self.proposals.ask_owner(case)
        for decision, said in zip(decided.chain, decided.said, strict=False):
            self._apply_one(decided, case, decision, progress, said)
            if decision.stage is not None:
                progress = entered(progress, decided.playbook, decision.stage, self.as_of)

    def changes_something(self, decided: Decided) -> bool:
        """Return whether more than the reason of a wait may change."""
        if decided.is_new:
            return decided.chain[-1].reason != OVER_CAP_OPEN
        if decided.chain[-1].kind is not DecisionKind.WAIT or len(decided.chain) > 1:
            return True
        if owes_call(decided.open_case) or decided.open_case.case_id in self.stuck:
            return True
        decision = decided.chain[-1]
        return decision.withdraw and any(
            (a.recipient is not None or _is_moot_call(a, decision.reason))
            and a.state in OPEN_ACTION_STATES
            for a in decided.open_case.actions
        )

    def wait(self, decided: Decided) -> None:
        """Count a case that only waits; write down why when the reason is a new one."""
        decision, open_case = decided.chain[-1], decided.open_case
        self._count_wait(decision.reason)
        if decided.is_new or decision.reason == open_case.waiting_for:
            return
        self.waits.append({"id": open_case.case_id, "waiting_for": decision.reason})
        self._receipt(decided, decision, decided.progress, decided.said[0], None)

    def pause(self, known: Known, open_cases: Iterable[OpenCase]) -> None:
        """Count the cases that nobody looked at, and say why they wait.

        What nobody can be sure of tonight must not leave: adverse messages are taken back.
        """
        adverse: list[str] = []
        for open_case in open_cases:
            reason = known.pause_of(open_case)
            if reason is not None:
                self._count_wait(reason)
                if reason != open_case.waiting_for:
                    self.waits.append({"id": open_case.case_id, "waiting_for": reason})
                if open_case.stage in ADVERSE_STAGES:
                    adverse += [a.action_id for a in open_case.actions if a.recipient is not None]
        found = actions.load(self.session, adverse)
        self.done.given_up += actions.give_up(self.session, found, ActionState.SUPERSEDED)

    def finish(self) -> None:
        """Write the reasons of all waits at once."""
        self.session.flush()
        cases.note_waits(self.session, self.waits)

    def _count_wait(self, reason: str) -> None:
        self.done.decisions[DecisionKind.WAIT.value] += 1
        self.done.waiting[reason] += 1

    def _receipt(
        self,
        decided: Decided,
        decision: Decision,
        progress: CaseProgress,
        wanted: Decision,
        action: Action | None,
    ) -> None:
        open_case = decided.open_case
        write_receipt(
            self.session,
            (open_case.case_id, open_case.customer_id),
            decision,
            Grounds(decided.playbook, progress, decided.facts, wanted, decided.place),
            self.evidence,
            self.at,
            action.id if action else None,
        )

    def _apply_one(
        self,
        decided: Decided,
        case: Case,
        decision: Decision,
        progress: CaseProgress,
        wanted: Decision,
    ) -> None:
        action = None
        if decision.kind is DecisionKind.PROPOSE:
            action, instead = self.proposals.propose(decided, case, decision.step or 0)
            if instead is not None:
                decision = Decision(DecisionKind.WAIT, instead)
        if decision.kind is DecisionKind.WAIT:
            self._wait(case, decision)
        else:
            self._count(decision, decided.playbook)
        self._receipt(decided, decision, progress, wanted, action)
        if action is not None:
            case.waiting_for = f"step_{action.state}"
        if decision.kind is DecisionKind.VOID_NOTICE:
            self._void_notice(case, decision.reason)
        if decision.stage is not None:
            self._leave(case, ActionState.SUPERSEDED)
            cases.enter_stage(case, decision.stage, self.as_of, reason=decision.reason)
        if decision.outcome is not None:
            self._close(case, decision)

    def _wait(self, case: Case, decision: Decision) -> None:
        case.waiting_for = decision.reason
        self._count_wait(decision.reason)
        if decision.withdraw:
            moot = [
                a
                for a in case.actions
                if a.template is not None or _is_moot_call(a, decision.reason)
            ]
            given_up = actions.give_up(self.session, moot, ActionState.SUPERSEDED)
            self.done.given_up += given_up

    def _leave(self, case: Case, fate: ActionState) -> None:
        """What still waits is given up, but no call that we owe and nothing that was written to us.

        Open offers count no longer.
        """
        waiting = [a for a in case.actions if a.form not in (RETRACT, REPLY)]
        self.done.given_up += actions.give_up(self.session, waiting, fate)
        for action in case.actions:
            offers.void(action, VoidReason.CASE_MOVED_ON)

    def _close(self, case: Case, decision: Decision) -> None:
        outcome = decision.outcome or CaseState.EXPIRED
        self._leave(case, ActionState.CANCELLED)
        cases.close_case(case, outcome, self.as_of, reason=decision.reason)
        stays = outcome not in (CaseState.TERMINATED, CaseState.SELF_CHURNED)
        held = any(cases.is_running_notice(action) for action in case.actions)
        if stays and held and not _is_calling(case):
            self.proposals.call_back(case)

    def _void_notice(self, case: Case, reason: str) -> None:
        """The clock stops for good: a new notice is needed, and the customer has to be told."""
        case.waiting_for = reason
        self._leave(case, ActionState.SUPERSEDED)
        cases.void_notices(case, self.as_of, reason)
        self.proposals.call_back(case)

    def _count(self, decision: Decision, playbook: Playbook) -> None:
        self.done.decisions[decision.kind.value] += 1
        if decision.stage or decision.outcome:
            name = f"{playbook.name}:{decision.stage or decision.outcome}"
            self.done.decisions[name] += 1


def _is_moot_call(action: Action | CaseAction, reason: str) -> bool:
    """Return whether a call is taken back while its stage has to wait, as messages are.

    Nobody is told on the telephone either what may not be written; but a night without data takes
    no work from people's hands.
    """
    called = action.kind is ActionKind.CALL and action.purpose is Purpose.STEP
    return called and action.stage in GUARDED_STAGES and reason not in _WITHOUT_DATA


def _is_calling(case: Case) -> bool:
    """Return whether somebody is to call already."""
    return any(a.form == RETRACT and a.state in OPEN_ACTION_STATES for a in case.actions)


def open_case(applicator: Applicator, decided: Decided) -> Case:
    """Open the case of a customer who enters tonight, and say why."""
    open_case, playbook = decided.open_case, decided.playbook
    session, as_of = applicator.session, applicator.as_of
    case = cases.open_case(session, open_case.customer_id, playbook, as_of)
    opening = Decision(DecisionKind.OPEN, "entry_condition_confirmed", stage=case.stage)
    applicator.done.decisions[DecisionKind.OPEN.value] += 1
    applicator.done.decisions[f"{playbook.name}:{case.stage}"] += 1
    grounds = Grounds(playbook, decided.progress, None)
    identity = (case.id, case.customer_id)
    write_receipt(session, identity, opening, grounds, applicator.evidence, applicator.at)
    return case
