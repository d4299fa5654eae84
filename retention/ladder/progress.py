"""Read a case and tonight's evidence in the words of the rules."""

from datetime import date, timedelta

from retention.domain.actions import (
    OPEN_ACTION_STATES,
    SENT_KINDS,
    ActionKind,
    ActionState,
    Purpose,
)
from retention.domain.forms import CONFIRMED, HANDED_OVER, REPLY, TALKED
from retention.domain.messages import DELIVERED_STATES, MessageState
from retention.domain.offers import OfferKind, OfferState
from retention.domain.playbook import Playbook
from retention.domain.progress import CaseProgress, Notice, StepProgress
from retention.domain.stages import Stage
from retention.domain.waivers import WaiverState
from retention.ladder.open_cases import CaseAction, OpenCase

ADDRESS_CHANGED = "address_changed"
"""Outcome of a message that was taken back because its customer has another address now."""

RETRACT = "retract_notice"
"""The call that takes a notice back."""

_GIVEN_BACK = frozenset({ActionState.SUPERSEDED, ActionState.CANCELLED})


def progress_of(
    open_case: OpenCase, playbook: Playbook, as_of: date, accepted_shows: timedelta
) -> CaseProgress:
    """Return how far a case has come; what was accepted gets `accepted_shows` to show."""
    rule = playbook.rule(open_case.stage)
    here = [a for a in open_case.actions if _belongs(a, open_case)]
    talked = [a for a in here if _is_conversation(a)]
    notice = _notice(here) if talked and open_case.stage is Stage.TERMINATE else None
    latest = _latest_by_step(here, playbook, open_case.stage, notice)
    reviews = [a for a in here if a.kind is ActionKind.REVIEW and a.form == "reassessment"]
    reviewed = [a.outcome for a in reviews if a.state is ActionState.DONE]
    return CaseProgress(
        stage=open_case.stage,
        stage_entered_on=open_case.stage_entered_on,
        steps=tuple(_step(latest.get(position)) for position in range(len(rule.steps))),
        served=_served(open_case, playbook),
        waived=_waivers(open_case, WaiverState.GRANTED),
        refused=_waivers(open_case, WaiverState.REFUSED),
        review_outcome=reviewed[-1] if reviewed else None,
        conversation_logged=bool(talked),
        alternative_named=any(a.answers.get("alternative") for a in talked),
        offer_open=_offer_open(open_case, as_of, accepted_shows),
        prepaid_agreed=any(
            offer.kind is OfferKind.PREPAID and offer.state is OfferState.ACCEPTED
            for offer in open_case.offers.values()
        ),
        migrated=open_case.migrated,
        notice=notice,
        reply_open=any(
            (a.form == REPLY or a.purpose is Purpose.CALLBACK) and a.state in OPEN_ACTION_STATES
            for a in open_case.actions
        ),
    )


def _offer_open(open_case: OpenCase, as_of: date, accepted_shows: timedelta) -> bool:
    """A counter-offer waits for our answer; what was accepted gets time to show."""
    offer = open_case.offers.get(open_case.stage)
    if offer is None or offer.answered_on is None:
        return False
    if offer.state is OfferState.ACCEPTED:
        return as_of < offer.answered_on + accepted_shows
    return offer.state is OfferState.COUNTERED


def is_delivered(action: CaseAction) -> bool:
    """Return whether an action was evidently done: taken by the server, signed for, or logged."""
    if action.state is not ActionState.DONE or action.voided_on is not None:
        return False
    if action.kind in SENT_KINDS:
        return action.message in DELIVERED_STATES
    if action.kind is ActionKind.LETTER:
        return action.outcome == HANDED_OVER
    return action.kind is ActionKind.REVIEW or action.outcome == TALKED


def notice_is_checked(open_case: OpenCase) -> bool:
    """Return whether a person has confirmed the notice of a country whose rules nobody knows."""
    return any(
        a.form == "notice_check" and a.state is ActionState.DONE and a.outcome == CONFIRMED
        for a in open_case.actions
        if _belongs(a, open_case)
    )


def owes_call(open_case: OpenCase) -> bool:
    """Return whether a notice was voided and nobody has told the customer yet."""
    voided = [a.voided_on for a in open_case.actions if a.voided_on is not None]
    told = [
        a.done_on
        for a in open_case.actions
        if a.form == RETRACT and a.state is ActionState.DONE and a.done_on is not None
    ]
    return bool(voided) and max(told, default=date.min) < max(voided)


def said_before_notice(open_case: OpenCase) -> dict[str, str]:
    """Return the answers of the conversation that a notice follows."""
    talks = [a for a in open_case.actions if _belongs(a, open_case) and _is_conversation(a)]
    return talks[-1].answers if talks else {}


def tried_before(open_case: OpenCase) -> dict[str, date]:
    """Return when each stage's first message had left, or its conversation was held.

    A call that no step asked for tries nothing.
    """
    ours = [a for a in open_case.actions if a.purpose is not Purpose.CALLBACK]
    done = [a for a in ours if a.done_on is not None and is_delivered(a)]
    found: dict[str, date] = {}
    for action in sorted(done, key=lambda a: a.done_on or date.max):
        found.setdefault(action.stage, action.done_on or date.max)
    return found


def _belongs(action: CaseAction, open_case: OpenCase) -> bool:
    since = open_case.stage_entered_on
    return action.stage is open_case.stage and action.proposed_on >= since


def _is_conversation(action: CaseAction) -> bool:
    return action.form == "conversation" and is_delivered(action)


def _notice(here: list[CaseAction]) -> Notice | None:
    """The notice counts only when it was really taken by the mail server, or signed for."""
    for action in reversed(here):
        if action.effective_on and action.done_on and is_delivered(action):
            return Notice(action.done_on, action.effective_on)
    return None


def _latest_by_step(
    here: list[CaseAction], playbook: Playbook, stage: Stage, notice: Notice | None
) -> dict[int, CaseAction]:
    """Return the newest action of each step; what follows a notice belongs to that notice."""
    steps = playbook.rule(stage).steps
    latest = {}
    for action in here:
        if action.step is None or action.step >= len(steps):
            continue
        of_notice = steps[action.step].before_end is not None
        if of_notice and (notice is None or action.proposed_on < notice.given_on):
            continue
        latest[action.step] = action
    return latest


def _step(action: CaseAction | None) -> StepProgress:
    if action is None or action.outcome == ADDRESS_CHANGED:
        return StepProgress()
    state = action.state
    if state in _GIVEN_BACK or (state is ActionState.DONE and not is_delivered(action)):
        state = ActionState.EXPIRED
    lost = "unknown" if action.message is MessageState.UNKNOWN else None
    done_on = action.done_on if state is ActionState.DONE else None
    return StepProgress(state, action.proposed_on, done_on, lost, action.due_on)


def _served(open_case: OpenCase, playbook: Playbook) -> frozenset[Stage]:
    """A stage counts when each of its steps that is for everybody was evidently done."""
    done = {(a.stage, a.step) for a in open_case.actions if is_delivered(a)}
    return frozenset(
        rule.stage
        for rule in playbook.stages
        if all(
            not step.for_everybody or (rule.stage, position) in done
            for position, step in enumerate(rule.steps)
        )
    )


def _waivers(open_case: OpenCase, state: WaiverState) -> frozenset[Stage]:
    return frozenset(stage for stage, found in open_case.waivers.items() if found is state)
