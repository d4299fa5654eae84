"""What a night proposes: the steps of a stage, and the work that is no step of a playbook."""

from collections import Counter
from collections.abc import Container
from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy.orm import Session

from retention.actions import proposing
from retention.actions.proposing import Work
from retention.actions.step_terms import terms_of
from retention.db.models.work.actions import Action
from retention.db.models.work.cases import Case
from retention.domain.actions import ActionKind, ActionState, Part, Purpose
from retention.domain.dates import Calendar, Period
from retention.domain.errors import TemplateError
from retention.domain.notices import NoticePlan
from retention.domain.people import Person, Role
from retention.domain.playbook import Step
from retention.domain.waits import STUCK
from retention.ladder.caps import Decided
from retention.ladder.condition_values import Evidence
from retention.ladder.progress import (
    RETRACT,
    notice_is_checked,
    owes_call,
    said_before_notice,
    tried_before,
)
from retention.messages.sender import Sender
from retention.messages.terms import Terms
from retention.policies.load import Policies

_FIVE_WORKDAYS = Period(5, workdays=True)


@dataclass(frozen=True, slots=True)
class Proposals:
    """Writes proposals in one transaction; `proposed` counts them by stage and template.

    `cleared` are the customers with a case that was our own fault.
    """

    session: Session
    policies: Policies
    sender: Sender
    evidence: Evidence
    workdays: Calendar
    proposed: Counter[str]
    cleared: Container[str]

    @property
    def as_of(self) -> date:
        """The business date of the night."""
        return self.evidence.as_of

    def call_back(self, case: Case) -> None:
        """The customer holds a notice that no longer counts: somebody has to call."""
        call = Step(ActionKind.CALL, form=RETRACT, due=_FIVE_WORKDAYS)
        self._write(case, Purpose.RETRACTION, call, Terms())
        self.proposed[f"{case.stage}:retract_notice"] += 1

    def ask_owner(self, case: Case) -> None:
        """A case waits in vain: whoever looks after it is asked why, and what helps."""
        review = Step(ActionKind.REVIEW, form=STUCK, due=Period(10, workdays=True))
        self._write(case, Purpose.STUCK, review, Terms())
        self.proposed[f"{case.stage}:{STUCK}"] += 1

    def propose(
        self, decided: Decided, case: Case, position: int
    ) -> tuple[Action | None, str | None]:
        """Return the action of a step, or the reason why it cannot be written tonight."""
        step = decided.playbook.rule(case.stage).steps[position]
        row = self.evidence.rows[case.customer_id]
        if step.template_overdue is not None and (row["overdue_amount"] or 0) > 0:
            step = replace(step, template=step.template_overdue)
        terms = terms_of(decided.playbook, step, row, self.policies, self.as_of)
        if isinstance(terms, str):
            return None, terms
        terms = self._after_conversation(terms, step, decided)
        if step.notice and owes_call(decided.open_case):
            return None, "notice_not_called_back"
        if (
            step.notice
            and terms.notice
            and terms.notice.unsure
            and not notice_is_checked(decided.open_case)
        ):
            self._ask_about_notice(case)
            return None, f"notice_needs_person:{terms.notice.unsure}"
        try:
            action = self._write(case, position, step, terms, self._who_can_mend(case, step))
        except TemplateError as error:
            return None, f"not_written:{type(error).__name__}"
        self.proposed[f"{case.stage}:{action.template or action.kind}"] += 1
        return action, None

    def _after_conversation(self, terms: Terms, step: Step, decided: Decided) -> Terms:
        """A notice repeats what was said; a second notice says when the end truly comes."""
        said = said_before_notice(decided.open_case)
        running = decided.progress.notice
        plan = terms.notice
        if step.before_end is not None and running is not None:
            days_of = self.policies.calendars.of_customer(*decided.place, self.as_of)
            leaves_by = step.due.after(self.as_of, self.workdays)
            ends_on = max(running.effective_on, step.before_end.after(leaves_by))
            ends_on = days_of.next_ending(ends_on)
            plan = NoticePlan((ends_on - running.given_on).days, leaves_by, ends_on)
        return replace(
            terms,
            notice=plan,
            said=said,
            tried=tried_before(decided.open_case),
            first_notice_on=running.given_on if running is not None else None,
        )

    def _ask_about_notice(self, case: Case) -> None:
        asked = [a for a in case.actions if a.form == "notice_check"]
        if any(a.state in (ActionState.PENDING_APPROVAL, ActionState.DONE) for a in asked):
            return
        check = Step(ActionKind.REVIEW, form="notice_check", due=Period(20, workdays=True))
        self._write(case, Purpose.NOTICE_CHECK, check, Terms())
        self.proposed[f"{case.stage}:notice_check"] += 1

    def _who_can_mend(self, case: Case, step: Step) -> Person | None:
        """What was our own fault once and comes back is nothing that an account can mend."""
        if step.form != "reassessment" or case.customer_id not in self.cleared:
            return None
        directors = self.policies.team.with_role(Role.DIRECTOR)
        return directors[0] if directors else None

    def _write(
        self, case: Case, part: Part, step: Step, terms: Terms, owner: Person | None = None
    ) -> Action:
        row = self.evidence.rows.get(case.customer_id, {})
        manager = owner or self.policies.team.account_manager_of(row.get("account_manager"))
        work = Work(row, manager, self.sender, self.workdays, self.as_of)
        return proposing.propose(self.session, case, part, step, terms, work)
