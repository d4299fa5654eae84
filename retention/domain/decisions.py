"""Decide what tonight means for an open case. Pure: no clock, no database, no e-mail."""

from dataclasses import dataclass, replace
from datetime import date, timedelta

from retention.domain.actions import ActionKind, ActionState
from retention.domain.cases import CaseState
from retention.domain.dates import Calendar
from retention.domain.decision_kinds import DecisionKind
from retention.domain.obstacles import RECOVERING, Facts, Obstacle, obstacle_to
from retention.domain.playbook import Playbook, StageRule, Step
from retention.domain.progress import CaseProgress, StepProgress
from retention.domain.stages import GUARDED_STAGES, Stage

REPLY_OPEN = "reply_to_be_read"
_WRITTEN = frozenset({ActionState.PENDING_APPROVAL, ActionState.APPROVED, ActionState.DONE})


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision and its reason code; the other fields belong to its kind.

    `withdraw` asks to take back the stage's messages that have not left.
    """

    kind: DecisionKind
    reason: str
    step: int | None = None
    stage: Stage | None = None
    outcome: CaseState | None = None
    withdraw: bool = False


def decide_chain(
    case: CaseProgress, playbook: Playbook, facts: Facts, today: date, days_of: Calendar
) -> tuple[Decision, ...]:
    """Return tonight's decisions for `case`, in order: it may enter stages before it waits.

    Each decision but the last one is an advance; a stage is entered once at most.
    """
    chain = []
    for _ in playbook.stages:
        decision = decide(case, playbook, facts, today, days_of)
        chain.append(decision)
        if decision.kind is not DecisionKind.ADVANCE or decision.stage is None:
            break
        case = entered(case, playbook, decision.stage, today)
    return tuple(chain)


def entered(case: CaseProgress, playbook: Playbook, stage: Stage, today: date) -> CaseProgress:
    """Return the progress of a case that has just entered a stage."""
    fresh = tuple(StepProgress() for _ in playbook.rule(stage).steps)
    return replace(case, stage=stage, stage_entered_on=today, steps=fresh, review_outcome=None)


def decide(
    case: CaseProgress, playbook: Playbook, facts: Facts, today: date, days_of: Calendar
) -> Decision:
    """Return the one decision for `case` tonight; the first rule that applies wins."""
    if facts.exempt:
        return _close(CaseState.EXEMPT, f"exempt:{facts.exempt}")
    if not facts.in_data:
        return _wait("no_data_tonight", withdraw=case.stage in GUARDED_STAGES)
    ends_on = _ends_on(case, playbook, days_of)
    closing = _closing(case, facts, today, ends_on)
    if closing is not None:
        return closing
    if ends_on is not None:
        # What is cancelled by now may be what the notice has asked for.
        return _notice_runs(case, playbook, replace(facts, cancelled=False), today, ends_on)
    if facts.hold or case.reply_open:
        return _wait(f"on_hold:{facts.hold}", withdraw=True) if facts.hold else _wait(REPLY_OPEN)
    return _in_stage(case, playbook, facts, today, days_of)


def _closing(
    case: CaseProgress, facts: Facts, today: date, ends_on: date | None
) -> Decision | None:
    """Return how the case ends by what the customer or the receiver did, or None."""
    if facts.ended:
        left = CaseState.TERMINATED if ends_on and today >= ends_on else CaseState.SELF_CHURNED
        return _close(CaseState.MIGRATED if case.migrated else left, "customer_left")
    if case.migrated:
        return _close(CaseState.MIGRATED, "receiver_confirmed")
    if case.prepaid_agreed and facts.prepaid:
        return _close(CaseState.MIGRATED, "prepaid_in_force")
    if facts.leave_confirmed:
        return _close(CaseState.RESTORED, "leave_condition_met")
    return None


def _in_stage(
    case: CaseProgress, playbook: Playbook, facts: Facts, today: date, days_of: Calendar
) -> Decision:
    rule = playbook.rule(case.stage)
    if case.review_outcome in rule.outcomes:
        return _follow_review(case, rule, playbook, facts)
    position = _first_unfinished(case, rule, facts)
    if position is None:
        return _leave_stage(case, rule, playbook, facts, today)
    if rule.deadline and today >= rule.deadline.after(case.stage_entered_on, days_of):
        return _close(CaseState.EXPIRED, "stage_deadline_over")
    return _work_on_step(case, rule, position, facts, today)


def _wait(reason: str, *, withdraw: bool = False) -> Decision:
    return Decision(DecisionKind.WAIT, reason, withdraw=withdraw)


def _close(outcome: CaseState, reason: str) -> Decision:
    return Decision(DecisionKind.CLOSE, reason, outcome=outcome)


def _hindered(obstacle: Obstacle) -> Decision:
    return _wait(obstacle.reason, withdraw=obstacle.withdraw)


def _ends_on(case: CaseProgress, playbook: Playbook, days_of: Calendar) -> date | None:
    """Return when the running notice takes effect: as its second notice says, if that is later."""
    if case.notice is None:
        return None
    latest = case.notice.effective_on
    for step, progress in zip(playbook.rule(case.stage).steps, case.steps, strict=True):
        if step.before_end is None or not step.reaches_customer or progress.due_on is None:
            continue
        if progress.state in _WRITTEN:
            latest = max(latest, step.before_end.after(progress.due_on))
    return days_of.next_ending(latest)


def _notice_runs(
    case: CaseProgress, playbook: Playbook, facts: Facts, today: date, ends_on: date
) -> Decision:
    """The clock runs; whatever protects the customer stops it, and a new notice is needed."""
    turned = RECOVERING if facts.recovering else None
    protected = facts.hold or (facts.blocks[0] if facts.blocks else turned)
    if protected:
        return Decision(DecisionKind.VOID_NOTICE, f"blocked:{protected}", withdraw=True)
    if case.reply_open:
        return _wait(REPLY_OPEN)  # the clock runs on, but nothing ends before it was read
    rule = playbook.rule(case.stage)
    position = _first_unfinished(case, rule, facts)
    if position is not None:
        return _step_before_end(case, rule, position, facts, today, ends_on)
    if today < ends_on:
        return _wait("notice_running")
    obstacle = obstacle_to(Stage.TERMINATE, facts)
    return _hindered(obstacle) if obstacle else _close(CaseState.TERMINATED, "notice_has_run")


def _step_before_end(
    case: CaseProgress,
    rule: StageRule,
    position: int,
    facts: Facts,
    today: date,
    ends_on: date,
) -> Decision:
    step = rule.steps[position]
    if step.before_end is not None:
        ready = step.due.days if step.reaches_customer else 0
        if today < ends_on - timedelta(days=step.before_end.days + ready):
            return _wait("notice_running")
    return _work_on_step(case, rule, position, facts, today)


def _follow_review(
    case: CaseProgress, rule: StageRule, playbook: Playbook, facts: Facts
) -> Decision:
    target = rule.outcomes[case.review_outcome or ""]
    reason = f"review:{case.review_outcome}"
    if isinstance(target, CaseState):
        return _close(target, reason)
    skipped = set(playbook.stages_between(case.stage, target)) - case.waived - case.served
    if skipped & case.refused:
        return _enter(playbook.next_stage(case.stage), "waiver_refused", playbook, case, facts)
    if skipped:
        return _wait("waiver_requested")
    return _enter(target, reason, playbook, case, facts)


def _first_unfinished(case: CaseProgress, rule: StageRule, facts: Facts) -> int | None:
    for position, progress in enumerate(case.steps):
        untouched = progress.state is None
        if untouched and (rule.stage, position) in facts.not_for:
            continue
        if progress.state is not ActionState.DONE:
            return position
    return None


def _work_on_step(
    case: CaseProgress, rule: StageRule, position: int, facts: Facts, today: date
) -> Decision:
    step, progress = rule.steps[position], case.steps[position]
    obstacle = obstacle_to(rule.stage, facts)
    if obstacle is not None:
        return _hindered(obstacle)
    if progress.undelivered:
        return _wait(f"message_{progress.undelivered}")
    if progress.state not in (None, ActionState.REJECTED, ActionState.EXPIRED):
        return _wait(f"step_{progress.state}")
    if progress.proposed_on is not None and today < step.again.after(progress.proposed_on):
        return _wait(f"step_{progress.state}")
    if not _due(case, position, step, today):
        return _wait("step_not_due")
    return _propose(case, rule, step, position, facts)


def _due(case: CaseProgress, position: int, step: Step, today: date) -> bool:
    done = [before.done_on for before in case.steps[:position] if before.done_on]
    return today >= step.after.after(max(done, default=case.stage_entered_on))


def _propose(
    case: CaseProgress, rule: StageRule, step: Step, position: int, facts: Facts
) -> Decision:
    by_mail = step.template is not None and step.action is not ActionKind.SMS
    if by_mail and not facts.reachable:
        return _wait("no_usable_address")
    if step.notice:
        if "conversation" in rule.requires and not case.conversation_logged:
            return _wait("no_conversation_logged")
        if "alternative" in rule.requires and not case.alternative_named:
            return _wait("no_alternative_named")
    return Decision(DecisionKind.PROPOSE, "step_due", step=position)


def _leave_stage(
    case: CaseProgress, rule: StageRule, playbook: Playbook, facts: Facts, today: date
) -> Decision:
    if rule.escalate_after is None:
        return _wait("last_stage")
    last_done = max((s.done_on for s in case.steps if s.done_on), default=case.stage_entered_on)
    stayed = today >= rule.stay.after(case.stage_entered_on)
    if today < rule.escalate_after.after(last_done) or not stayed:
        return _wait("observing")
    if case.offer_open:
        return _wait("offer_being_answered")
    if rule.stage in facts.may_improve:
        return _wait("improving_or_unknown")
    target = playbook.next_stage(case.stage)
    while target is not None and target in case.waived:
        target = playbook.next_stage(target)
    return _enter(target, "no_improvement", playbook, case, facts)


def _enter(
    target: Stage | None, reason: str, playbook: Playbook, case: CaseProgress, facts: Facts
) -> Decision:
    if target is None:
        return _close(CaseState.EXPIRED, "ladder_finished")
    obstacle = obstacle_to(target, facts)
    if obstacle is not None:
        return _hindered(obstacle)
    for earlier in playbook.stages_before(target):
        if earlier not in case.served | case.waived:
            return _wait(f"stage_not_served:{earlier}")
    return Decision(DecisionKind.ADVANCE, reason, stage=target)
