"""Decide what tonight means for an open case. Pure: no clock, no database, no e-mail."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from retention.domain.actions import ActionKind, ActionState
from retention.domain.cases import CaseState
from retention.domain.playbook import Playbook, StageRule, Step
from retention.domain.stages import ADVERSE_STAGES, GUARDED_STAGES, Stage


class DecisionKind(StrEnum):
    """What a night can do with a case."""

    OPEN = "open"
    WAIT = "wait"
    PROPOSE = "propose"
    ADVANCE = "advance"
    CLOSE = "close"


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision and its reason code; the other fields belong to its kind.

    `withdraw` asks to take back adverse messages that have not left.
    """

    kind: DecisionKind
    reason: str
    step: int | None = None
    stage: Stage | None = None
    outcome: CaseState | None = None
    withdraw: bool = False


@dataclass(frozen=True, slots=True)
class StepProgress:
    """The latest action of one step: `None` everywhere when there was none yet."""

    state: ActionState | None = None
    proposed_on: date | None = None
    done_on: date | None = None


@dataclass(frozen=True, slots=True)
class CaseProgress:
    """How far a case has come, as the database remembers it.

    `served` are the stages whose steps were done; `notice_effective_on` is set only when the
    notice has really left.
    """

    stage: Stage
    stage_entered_on: date
    steps: tuple[StepProgress, ...]
    served: frozenset[Stage] = frozenset()
    review_outcome: str | None = None
    conversation_logged: bool = False
    notice_effective_on: date | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What the data says tonight about one customer.

    `unless_is_false` is True only when the stage's condition is known to be false: unknown data
    never moves anybody on. `blocks` are reasons why nothing adverse may happen.
    """

    in_data: bool
    ended: bool = False
    leave_confirmed: bool = False
    unless_is_false: bool = True
    has_email: bool = True
    surely_unprofitable: bool = False
    blocks: tuple[str, ...] = ()


def decide(  # noqa: PLR0911 - one return per rule reads as the list of rules that it is
    case: CaseProgress, playbook: Playbook, facts: Facts, today: date
) -> Decision:
    """Return the one decision for `case` tonight; the first rule that applies wins."""
    if not facts.in_data:
        return _wait("no_data_tonight", withdraw=case.stage in GUARDED_STAGES)
    notice_has_run = case.notice_effective_on is not None and today >= case.notice_effective_on
    if facts.ended:
        left = CaseState.TERMINATED if notice_has_run else CaseState.SELF_CHURNED
        return Decision(DecisionKind.CLOSE, "customer_left", outcome=left)
    if facts.leave_confirmed:
        return Decision(DecisionKind.CLOSE, "leave_condition_met", outcome=CaseState.RESTORED)
    if notice_has_run:
        return _end_of_notice(facts)
    rule = playbook.rule(case.stage)
    if case.review_outcome in rule.outcomes:
        return _follow_review(case, rule, playbook, facts)
    position = _first_unfinished(case.steps)
    if position is not None:
        return _work_on_step(case, rule, position, facts, today)
    return _leave_stage(case, rule, playbook, facts, today)


def _wait(reason: str, *, withdraw: bool = False) -> Decision:
    return Decision(DecisionKind.WAIT, reason, withdraw=withdraw)


def _end_of_notice(facts: Facts) -> Decision:
    obstacle = _obstacle(Stage.TERMINATE, facts)
    return obstacle or Decision(DecisionKind.CLOSE, "notice_has_run", outcome=CaseState.TERMINATED)


def _obstacle(stage: Stage, facts: Facts) -> Decision | None:
    """Return why nothing of `stage` may happen now, or None."""
    if stage in GUARDED_STAGES and facts.blocks:
        return _wait(f"blocked:{facts.blocks[0]}", withdraw=True)
    if stage in ADVERSE_STAGES and not facts.surely_unprofitable:
        return _wait("profit_uncertain", withdraw=True)
    return None


def _follow_review(
    case: CaseProgress, rule: StageRule, playbook: Playbook, facts: Facts
) -> Decision:
    target = rule.outcomes[case.review_outcome or ""]
    reason = f"review:{case.review_outcome}"
    if isinstance(target, CaseState):
        return Decision(DecisionKind.CLOSE, reason, outcome=target)
    served = case.served | {case.stage}
    return _enter(target, reason, playbook, served, facts)


def _first_unfinished(steps: tuple[StepProgress, ...]) -> int | None:
    for position, step in enumerate(steps):
        if step.state is not ActionState.DONE:
            return position
    return None


def _work_on_step(
    case: CaseProgress, rule: StageRule, position: int, facts: Facts, today: date
) -> Decision:
    step, progress = rule.steps[position], case.steps[position]
    obstacle = _obstacle(rule.stage, facts)
    if obstacle is not None:
        return obstacle
    if progress.state not in (None, ActionState.REJECTED, ActionState.EXPIRED):
        return _wait(f"step_{progress.state}")
    if progress.proposed_on is not None and today < step.again.after(progress.proposed_on):
        return _wait(f"step_{progress.state}")
    previous = case.steps[position - 1].done_on if position else case.stage_entered_on
    if previous is None or today < step.after.after(previous):
        return _wait("step_not_due")
    return _propose(case, rule, step, position, facts)


def _propose(
    case: CaseProgress, rule: StageRule, step: Step, position: int, facts: Facts
) -> Decision:
    if step.action is ActionKind.EMAIL and not facts.has_email:
        return _wait("no_email_address")
    if step.notice and rule.requires_conversation and not case.conversation_logged:
        return _wait("no_conversation_logged")
    return Decision(DecisionKind.PROPOSE, "step_due", step=position)


def _leave_stage(
    case: CaseProgress, rule: StageRule, playbook: Playbook, facts: Facts, today: date
) -> Decision:
    if case.notice_effective_on is not None:
        return _wait("notice_running")
    if rule.escalate_after is None:
        return _wait("last_stage")
    last_done = max((s.done_on for s in case.steps if s.done_on), default=case.stage_entered_on)
    if today < rule.escalate_after.after(last_done):
        return _wait("observing")
    if not facts.unless_is_false:
        return _wait("improving_or_unknown")
    target = playbook.next_stage(case.stage)
    if target is None:
        return Decision(DecisionKind.CLOSE, "ladder_finished", outcome=CaseState.EXPIRED)
    return _enter(target, "no_improvement", playbook, case.served | {case.stage}, facts)


def _enter(
    target: Stage, reason: str, playbook: Playbook, served: frozenset[Stage], facts: Facts
) -> Decision:
    obstacle = _obstacle(target, facts)
    if obstacle is not None:
        return obstacle
    if target is Stage.TERMINATE:
        for earlier in playbook.stages_before(target):
            if earlier not in served:
                return _wait(f"stage_not_served:{earlier}")
    return Decision(DecisionKind.ADVANCE, reason, stage=target)
