"""May this message leave now? Asked when it is claimed and again just before its data is sent."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload

from retention.db.models import Action, Message
from retention.domain.actions import ActionState
from retention.domain.cases import CaseState
from retention.domain.messages import AttemptStage, MessageState
from retention.domain.people import Role, approvers_needed
from retention.mail.message import content_hash
from retention.services import outbox
from retention.services.actions import set_state
from retention.services.approvals import given
from retention.services.outbox import Claimed


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a message may not leave, and the state it takes."""

    state: MessageState
    reason: str


def claim_checked(
    session: Session, message_id: str, now: datetime, lease: timedelta, timezone: str
) -> Claimed | Refusal | None:
    """Claim a message that may leave. A refused one is settled here; None means it is taken."""
    claimed = outbox.claim(session, message_id, now, lease)
    if claimed is None:
        return None
    refusal = check(session, message_id, now, timezone)
    if refusal is not None:
        settle_refusal(session, claimed, refusal)
        return refusal
    return claimed


def check(session: Session, message_id: str, now: datetime, timezone: str) -> Refusal | None:
    """Return why a message may not leave, or None when it may."""
    message = session.get_one(Message, message_id)
    action = _action(session, message.action_id)
    if message.send_until < today(now, timezone):
        return Refusal(MessageState.EXPIRED, "its last day for sending is over")
    if action.state is not ActionState.APPROVED or action.case.state is not CaseState.OPEN:
        return Refusal(MessageState.CANCELLED, "the action is no longer approved")
    if action.case.stage is not action.stage:
        return Refusal(MessageState.CANCELLED, "the case has moved to another stage")
    if action.rendering is None or content_hash(action.rendering.raw) != message.content_hash:
        return Refusal(MessageState.CANCELLED, "the content is not what was approved")
    roles = [Role(role) for role in action.required_roles]
    if len(given(action)) < approvers_needed(action.stage, roles):
        return Refusal(MessageState.CANCELLED, "an approval is missing")
    return None


def lock(session: Session, claimed: Claimed) -> None:
    """Make nights and people wait until this transaction has recorded the point of no return."""
    session.execute(select(Action.id).where(Action.id == claimed.action_id).with_for_update())


def settle_refusal(session: Session, claimed: Claimed, refusal: Refusal) -> None:
    """Give a refused message its final state, and its action with it."""
    message = session.get_one(Message, claimed.message_id)
    outbox.set_state(message, refusal.state)
    message.last_text = refusal.reason
    action = _action(session, claimed.action_id)
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
        action = _action(session, claimed.action_id)
        if action.state is ActionState.APPROVED:
            set_state(action, ActionState.DONE)
        action.done_on = today(now, timezone)
    return state


def is_stopped(stop_file: Path) -> bool:
    """Return whether somebody has stopped all sending."""
    return stop_file.exists()


def today(now: datetime, timezone: str) -> date:
    """Return the company's calendar date at a moment."""
    return now.astimezone(ZoneInfo(timezone)).date()


def _action(session: Session, action_id: str) -> Action:
    return session.scalars(
        select(Action)
        .where(Action.id == action_id)
        .options(
            joinedload(Action.case), joinedload(Action.rendering), selectinload(Action.approvals)
        )
    ).one()
