"""May this message leave now? Asked when it is claimed and again just before its data is sent."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload

from retention.db.models import Action, Message
from retention.domain.actions import ActionState
from retention.domain.approving import is_approved
from retention.domain.cases import CaseState
from retention.domain.messages import AttemptStage, MessageState
from retention.domain.offers import OfferState
from retention.services import offers, outbox
from retention.services.actions import set_state
from retention.services.approvals import given, slots_of
from retention.services.content import content_of
from retention.services.outbox import Claimed
from retention.services.permits import kept_apart, stopped_by

_FOR_EVER = timedelta(days=36500)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a message may not leave, and the state it takes."""

    state: MessageState
    reason: str


@dataclass(frozen=True, slots=True)
class Rules:
    """What is asked before a message leaves: the company's zone, how long approvals count."""

    timezone: str
    approvals_valid: timedelta


def claim_checked(
    session: Session, message_id: str, now: datetime, lease: timedelta, rules: Rules
) -> Claimed | Refusal | None:
    """Claim a message that may leave. A refused one is settled here; None means it is taken.

    What a switch has stopped stays as it is: its refusal says `queued`.
    """
    stopped = _stopped(session, _action_of(session, message_id))
    if stopped is not None:
        return stopped
    claimed = outbox.claim(session, message_id, now, lease)
    if claimed is None:
        return None
    refusal = check(session, message_id, now, rules)
    if refusal is not None:
        settle_refusal(session, claimed, refusal)
        return refusal
    return claimed


def check(session: Session, message_id: str, now: datetime, rules: Rules) -> Refusal | None:
    """Return why a message may not leave, or None when it may."""
    message = session.get_one(Message, message_id)
    action = _action_of(session, message_id)
    on = today(now, rules.timezone)
    if message.send_until < on:
        return Refusal(MessageState.EXPIRED, "its last day for sending is over")
    if action.state is not ActionState.APPROVED or action.case.state is not CaseState.OPEN:
        return Refusal(MessageState.CANCELLED, "the action is no longer approved")
    if action.case.stage is not action.stage:
        return Refusal(MessageState.CANCELLED, "the case has moved to another stage")
    return (
        _stopped(session, action)
        or _apart(session, action, on)
        or _not_approved(action, message, now, rules)
    )


def _stopped(session: Session, action: Action) -> Refusal | None:
    scope = stopped_by(session, action)
    return Refusal(MessageState.QUEUED, f"'{scope}' is stopped") if scope else None


def _apart(session: Session, action: Action, on: date) -> Refusal | None:
    reason = kept_apart(session, action, on)
    return Refusal(MessageState.CANCELLED, reason) if reason else None


def _not_approved(action: Action, message: Message, now: datetime, rules: Rules) -> Refusal | None:
    if action.rendering is None or content_of(action) != message.content_hash:
        return Refusal(MessageState.CANCELLED, "the content is not what was approved")
    approvals = given(action, now, rules.approvals_valid)
    if is_approved(action.stage, slots_of(action), approvals):
        return None
    if is_approved(action.stage, slots_of(action), given(action, now, _FOR_EVER)):
        return Refusal(MessageState.EXPIRED, "an approval is too old")
    return Refusal(MessageState.CANCELLED, "an approval is missing")


def lock(session: Session, claimed: Claimed) -> None:
    """Make nights and people wait until this transaction has recorded the point of no return."""
    session.execute(select(Action.id).where(Action.id == claimed.action_id).with_for_update())


def settle_refusal(session: Session, claimed: Claimed, refusal: Refusal) -> None:
    """Give a refused message its final state, and its action with it."""
    message = session.get_one(Message, claimed.message_id)
    outbox.set_state(message, refusal.state)
    message.last_text = refusal.reason
    action = _action_of(session, claimed.message_id)
    if action.state is ActionState.APPROVED:
        expired = refusal.state is MessageState.EXPIRED
        set_state(action, ActionState.EXPIRED if expired else ActionState.CANCELLED)


def record_result(
    session: Session,
    claimed: Claimed,
    stage: AttemptStage,
    code: int | None,
    reply: str,
    now: datetime,
    timezone: str,
) -> MessageState | None:
    """Settle an attempt. A message that was sent finishes its step, dated by the sending."""
    state = outbox.record_end(session, claimed, stage, code, reply, now)
    if state is MessageState.SENT:
        action = _action_of(session, claimed.message_id)
        if action.state is ActionState.APPROVED:
            set_state(action, ActionState.DONE)
            offers.follow(action, OfferState.SENT)
        action.done_on = today(now, timezone)
    return state


def is_stopped(stop_file: Path) -> bool:
    """Return whether somebody has stopped all sending."""
    return stop_file.exists()


def today(now: datetime, timezone: str) -> date:
    """Return the company's calendar date at a moment."""
    return now.astimezone(ZoneInfo(timezone)).date()


def _action_of(session: Session, message_id: str) -> Action:
    return session.scalars(
        select(Action)
        .join(Message, Message.action_id == Action.id)
        .where(Message.id == message_id)
        .options(
            joinedload(Action.case),
            joinedload(Action.rendering),
            joinedload(Action.offer),
            selectinload(Action.approvals),
        )
    ).one()
