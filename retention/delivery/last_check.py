"""The last look at a message, just before it leaves."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session, joinedload, load_only, selectinload

from retention.actions.needed import counting, given, slots_of
from retention.db.models.work.actions import Action, Rendering
from retention.db.models.work.cases import Case
from retention.delivery.queued_messages import QueuedMessage
from retention.domain.actions import ActionKind, ActionState, Purpose
from retention.domain.approving import is_approved
from retention.domain.cases import CaseState
from retention.domain.dates import date_in
from retention.domain.messages import MessageState
from retention.domain.people import Team
from retention.domain.sending import USUAL_DEAD_AT_ONCE, DeadAtOnce
from retention.domain.stages import ADVERSE_STAGES
from retention.messages.content_hash import content_of
from retention.messages.leaving import is_laid_out_as_approved
from retention.runs import trust
from retention.safeguards import dead_addresses, preferences
from retention.safeguards import kill_switch as switches
from retention.safeguards.customer_blocks import Surroundings, kept_apart, look_around, stopped_by

_FOR_EVER = timedelta(days=36500)
NIGHTLY = "nightly"
OVER = "its last day for sending is over"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a message may not leave, and the state it takes: `queued` lets it wait."""

    state: MessageState
    reason: str


@dataclass(frozen=True, slots=True)
class Rules:
    """What is asked before a message leaves: the company's zone, how long approvals count.

    What waits by rule does not age them, up to `approvals_longest` after they were given.
    Whoever approved must still be in the `team` with the role in which they did.
    `at_once` says how many addresses of a provider may die within an hour.
    `lease` is for how long a worker has what it has claimed, and again from the dot on; `opens_at`
    says from when a recipient may be written to; a night that is older than `fresh_days` is no
    ground for anything adverse. `templates` is where the layout of letters is.
    """

    timezone: str
    approvals_valid: timedelta
    team: Team
    approvals_longest: timedelta = _FOR_EVER
    lease: timedelta = timedelta(minutes=30)
    opens_at: Callable[[datetime, str | None, str], datetime] | None = None
    fresh_days: int = 7
    at_once: DeadAtOnce = USUAL_DEAD_AT_ONCE
    templates: Path | None = None
    soft_bounces: int = 3


def check(
    session: Session, found: Sequence[QueuedMessage], now: datetime, rules: Rules
) -> dict[str, Refusal]:
    """Return which messages may not leave at this moment, and why: the first reason of each."""
    every = all_reasons(session, found, now, rules)
    return {message_id: reasons[0] for message_id, reasons in every.items() if reasons}


def all_reasons(
    session: Session, found: Sequence[QueuedMessage], now: datetime, rules: Rules
) -> dict[str, list[Refusal]]:
    """Return everything that keeps each message from leaving at this moment, weightiest first."""
    on = date_in(now, rules.timezone)
    around = look_around(session, {queued.customer_id for queued in found}, on)
    dead = dead_addresses.dead(session, {queued.recipient for queued in found})
    sms = {queued.customer_id for queued in found if queued.kind is ActionKind.SMS}
    texts = preferences.take_texts(session, sms) if sms else frozenset()
    adverse = any(queued.stage in ADVERSE_STAGES for queued in found)
    doubt = trust.why_in_doubt(session, NIGHTLY, on, rules.fresh_days) if adverse else None
    return {
        queued.message_id: [
            *_out_of_time(queued, on),
            *_obstacles(queued, around, dead, texts, on),
            *_not_now(queued, now, rules, doubt),
        ]
        for queued in found
    }


def _out_of_time(queued: QueuedMessage, on: date) -> Iterator[Refusal]:
    if queued.send_until < on:
        yield Refusal(MessageState.EXPIRED, OVER)
    if queued.action_state is not ActionState.APPROVED:
        yield Refusal(MessageState.CANCELLED, "the action is no longer approved")
    if queued.purpose is Purpose.RECEIPT:  # what a customer was told, or agreed on, stays true
        return
    if queued.case_state is not CaseState.OPEN:
        yield Refusal(MessageState.CANCELLED, "the case is closed")
    if queued.case_stage is not queued.stage:
        yield Refusal(MessageState.CANCELLED, "the case has moved to another stage")


def _obstacles(
    queued: QueuedMessage,
    around: Surroundings,
    dead: Collection[str],
    texts: Collection[str],
    on: date,
) -> Iterator[Refusal]:
    scope = stopped_by(around, queued.playbook, queued.stage, queued.kind)
    provider = switches.provider(dead_addresses.provider_of(queued.recipient))
    scope = provider if scope is None and provider in around.stopped else scope
    if scope is not None:
        yield Refusal(MessageState.QUEUED, f"'{scope}' is stopped")
    answers = queued.purpose is Purpose.RECEIPT  # what they said or agreed on is confirmed to them
    reason = kept_apart(around, queued.customer_id, queued.playbook, queued.message_class, on,
                        topic=queued.topic, answers=answers)  # fmt: skip
    if reason is not None:
        yield Refusal(MessageState.CANCELLED, reason)
    if queued.kind is ActionKind.SMS and queued.customer_id not in texts:
        yield Refusal(MessageState.CANCELLED, "the customer has not agreed to texts")
    if queued.recipient.casefold() in dead:
        yield Refusal(MessageState.CANCELLED, "the address does not take our mail")
    if queued.customer_id in around.replied and not answers:
        yield Refusal(MessageState.QUEUED, "the customer has written to us")


def _not_now(
    queued: QueuedMessage, now: datetime, rules: Rules, doubt: str | None
) -> Iterator[Refusal]:
    """What waits: outside the recipient's hours, and adverse while no good night speaks for it."""
    if queued.not_before > now:
        yield Refusal(MessageState.QUEUED, queued.waiting_for or "not yet")
    if rules.opens_at and rules.opens_at(now, queued.timezone, queued.place) > now:
        yield Refusal(MessageState.QUEUED, "outside_hours")
    answers = queued.purpose is Purpose.RECEIPT
    if doubt is not None and queued.stage in ADVERSE_STAGES and not answers:
        yield Refusal(MessageState.QUEUED, doubt)


def not_approved(
    session: Session, found: Sequence[QueuedMessage], now: datetime, rules: Rules
) -> dict[str, Refusal]:
    """Refuse what is not, byte for byte, what the right people have approved lately."""
    actions = {action.id: action for action in _load(session, [p.action_id for p in found])}
    refusals = {}
    for queued in found:
        refusal = _judge_approval(actions[queued.action_id], queued, now, rules)
        if refusal is not None:
            refusals[queued.message_id] = refusal
    return refusals


def _judge_approval(
    action: Action, queued: QueuedMessage, now: datetime, rules: Rules
) -> Refusal | None:
    if action.rendering is None or content_of(action) != queued.content_hash:
        return Refusal(MessageState.CANCELLED, "the content is not what was approved")
    slots, answers = slots_of(action), action.purpose is Purpose.RECEIPT
    if rules.templates and not is_laid_out_as_approved(action.rendering.letter, rules.templates):
        return Refusal(MessageState.CANCELLED, "the layout of letters is not what was approved")
    valid = min(rules.approvals_valid + queued.waited_until(now), rules.approvals_longest)
    lately = given(action, now, valid)
    able = counting(action, now, valid, rules.team)
    if is_approved(action.stage, slots, able, answers=answers):
        return None
    if is_approved(action.stage, slots, lately, answers=answers):
        return Refusal(MessageState.CANCELLED, "who approved it has not that role any more")
    if is_approved(action.stage, slots, given(action, now, _FOR_EVER), answers=answers):
        return Refusal(MessageState.EXPIRED, "an approval is too old")
    return Refusal(MessageState.CANCELLED, "an approval is missing")


def _load(session: Session, ids: Collection[str]) -> Sequence[Action]:
    return session.scalars(_JUDGED, {"ids": list(ids)}).all()


# No more of each than is judged: whatever else would be asked for raises.
_JUDGED = (
    select(Action)
    .where(Action.id.in_(bindparam("ids", expanding=True)))
    .options(
        load_only(Action.kind, Action.customer_id, Action.form, Action.effective_on, Action.proof,
                  Action.snapshot_hash, Action.stage, Action.purpose, Action.required_roles,
                  Action.escalated_on, Action.owner, raiseload=True),
        joinedload(Action.case).load_only(Case.version, raiseload=True),
        joinedload(Action.rendering).load_only(
            Rendering.recipient, Rendering.sender, Rendering.raw, Rendering.letter, raiseload=True
        ),
        joinedload(Action.offer),
        selectinload(Action.approvals),
    )
)  # fmt: skip
