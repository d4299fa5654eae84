"""Read a case and tonight's evidence in the words of the rules."""

from datetime import date

from retention.db.models import Action, Case
from retention.domain.actions import ActionKind, ActionState
from retention.domain.cases import CaseEventKind
from retention.domain.decisions import CaseProgress, Facts, StepProgress
from retention.domain.messages import DELIVERED_STATES
from retention.domain.playbook import Playbook
from retention.domain.stages import Stage
from retention.mail.message import usable_address
from retention.services.evidence import UNLESS, Evidence, condition_key

_GONE = frozenset({"cancelled", "canceled", "closed", "churned", "ended", "inactive", "terminated"})


def progress_of(case: Case, playbook: Playbook) -> CaseProgress:
    """Return how far a case has come; its events and actions must be loaded."""
    rule = playbook.rule(case.stage)
    latest = _latest_by_step(case)
    reviews = [a for a in latest.values() if a.kind is ActionKind.REVIEW and a.outcome]
    return CaseProgress(
        stage=case.stage,
        stage_entered_on=case.stage_entered_on,
        steps=tuple(_step(latest.get(position)) for position in range(len(rule.steps))),
        served=_served(case),
        review_outcome=reviews[-1].outcome if reviews else None,
        conversation_logged=any(
            a.kind is ActionKind.CALL and a.state is ActionState.DONE for a in latest.values()
        ),
        notice_effective_on=_notice(case),
    )


def _latest_by_step(case: Case) -> dict[int, Action]:
    here = [
        action
        for action in case.actions
        if action.stage is case.stage and action.proposed_on >= case.stage_entered_on
    ]
    return {action.step: action for action in sorted(here, key=lambda a: a.proposed_on)}


def _step(action: Action | None) -> StepProgress:
    if action is None:
        return StepProgress()
    state = action.state
    if state in (ActionState.SUPERSEDED, ActionState.CANCELLED):
        state = ActionState.EXPIRED
    return StepProgress(state, action.proposed_on, action.done_on)


def _served(case: Case) -> frozenset[Stage]:
    return frozenset(
        event.from_stage
        for event in case.events
        if event.kind is CaseEventKind.STAGE_ENTERED and event.from_stage
    )


def _notice(case: Case) -> date | None:
    """The notice counts only when its message was really taken by the mail server."""
    for action in case.actions:
        message = action.message
        if action.effective_on and message and message.state in DELIVERED_STATES:
            return action.effective_on
    return None


def facts_of(case: Case, playbook: Playbook, evidence: Evidence, leave_nights: int) -> Facts:
    """Return what tonight's data says about the customer of a case."""
    row = evidence.rows.get(case.customer_id)
    if row is None:
        return Facts(in_data=False)
    rule = playbook.rule(case.stage)
    unless = True
    if rule.escalate_unless is not None:
        key = condition_key(playbook, UNLESS, case.stage)
        unless = evidence.values[key].get(case.customer_id) is False
    high = row["net_profit_12m_high"]
    return Facts(
        in_data=True,
        ended=row["contract_ended_on"] is not None or row["status"] in _GONE,
        leave_confirmed=leave_nights >= playbook.leave.nights,
        unless_is_false=unless,
        has_email=usable_address(row["email"]) is not None,
        surely_unprofitable=high is not None and high < 0,
        blocks=tuple(_blocks(row)),
    )


def _blocks(row: dict[str, object]) -> list[str]:
    blocks = [name for name in ("vulnerable", "open_complaint", "strategic") if row[name]]
    if row["disputed_amount"]:
        blocks.append("disputed_invoice")
    return blocks
