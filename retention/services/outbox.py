"""The only writer of messages: enqueue, claim, record, cancel."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from retention.db.chain import Entry, record
from retention.db.models import Action, DeliveryAttempt, Message, Rendering
from retention.domain import keys
from retention.domain.messages import (
    CLAIMABLE_STATES,
    MESSAGE_MOVES,
    AttemptStage,
    MessageState,
    SendPolicy,
    state_after_failure,
)
from retention.domain.transitions import require_move
from retention.services.content import content_of

_NEVER_LEFT = frozenset({MessageState.CANCELLED, MessageState.EXPIRED, MessageState.FAILED})
_RETRY_MINUTES = (1, 5, 20, 60)
_AFTER_UNKNOWN = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that this process alone may send now. `attempt` is its fence."""

    message_id: str
    attempt: int
    action_id: str
    policy: SendPolicy
    sender: str
    recipient: str
    raw: bytes


def enqueue(session: Session, action: Action, not_before: datetime) -> Message:
    """Put an approved e-mail into the outbox, in the transaction that approves it."""
    rendering = action.rendering
    if rendering is None:
        raise AssertionError(f"action {action.id} has nothing to send")
    message = Message(
        id=keys.message_id(action.id),
        action_id=action.id,
        state=MessageState.QUEUED,
        policy=rendering.policy,
        content_hash=content_of(action),
        attempts=0,
        not_before=not_before,
        send_until=action.due_on,
    )
    session.add(message)
    action.message = message
    return message


def set_state(message: Message, target: MessageState) -> None:
    """Change a message's state. Raises MoveNotAllowedError."""
    require_move(MESSAGE_MOVES, message.state, target, subject=f"message {message.id}")
    message.state = target
    message.lease_until = None


def withdraw(session: Session, message: Message | None, target: MessageState) -> bool:
    """Take a message back by conditional update; return whether nothing of it can leave any more.

    One that is being sent at this moment, was sent, or may have been, is left alone.
    """
    if message is None:
        return True
    session.execute(
        update(Message)
        .where(Message.id == message.id, Message.state.in_(sorted(CLAIMABLE_STATES)))
        .values(state=target, lease_until=None)
        .execution_options(synchronize_session=False)
    )
    session.refresh(message)
    return message.state in _NEVER_LEFT


def claim(session: Session, message_id: str, now: datetime, lease: timedelta) -> Claimed | None:
    """Take a message by conditional update; None means that somebody else has it."""
    taken = session.execute(
        update(Message)
        .where(Message.id == message_id, Message.state.in_(sorted(CLAIMABLE_STATES)))
        .values(state=MessageState.SENDING, lease_until=now + lease, attempts=Message.attempts + 1)
    )
    if taken.rowcount != 1:  # type: ignore[attr-defined]
        return None
    message = session.get_one(Message, message_id)
    rendering = session.get_one(Rendering, message.action_id)
    session.add(
        DeliveryAttempt(
            message_id=message_id,
            number=message.attempts,
            stage=int(AttemptStage.CLAIMED),
            started_at=now,
        )
    )
    return Claimed(
        message_id=message_id,
        attempt=message.attempts,
        action_id=message.action_id,
        policy=message.policy,
        sender=rendering.sender,
        recipient=rendering.recipient,
        raw=rendering.raw,
    )


def record_stage(session: Session, claimed: Claimed, stage: AttemptStage) -> bool:
    """Write down how far an attempt went. False means that the claim was lost."""
    message = _held(session, claimed)
    if message is None:
        return False
    attempt = session.get_one(DeliveryAttempt, (claimed.message_id, claimed.attempt))
    attempt.stage = int(stage)
    return True


def record_end(
    session: Session,
    claimed: Claimed,
    stage: AttemptStage,
    code: int | None,
    reply: str,
    now: datetime,
) -> MessageState | None:
    """Settle an attempt; return the message's new state, or None when the claim was lost."""
    message = _held(session, claimed)
    if message is None:
        return None
    attempt = session.get_one(DeliveryAttempt, (claimed.message_id, claimed.attempt))
    attempt.stage, attempt.code, attempt.reply, attempt.ended_at = int(stage), code, reply, now
    message.last_code, message.last_text = code, reply
    if stage is AttemptStage.REPLIED:
        set_state(message, MessageState.SENT)
        message.sent_at = now
    else:
        _after_failure(message, stage, code, now)
    _tell(session, message, now)
    return message.state


def _after_failure(message: Message, stage: AttemptStage, code: int | None, now: datetime) -> None:
    set_state(message, state_after_failure(stage, code, message.policy, message.attempts))
    minutes = _RETRY_MINUTES[min(message.attempts, len(_RETRY_MINUTES)) - 1]
    wait = _AFTER_UNKNOWN if stage is AttemptStage.DOT else timedelta(minutes=minutes)
    message.not_before = now + wait


def _tell(session: Session, message: Message, now: datetime) -> None:
    document = {
        "action": message.action_id,
        "state": message.state,
        "attempt": message.attempts,
        "content": message.content_hash,
        "code": message.last_code,
    }
    record(session, Entry(now, f"message.{message.state}", f"message {message.id}", document))


def recover(session: Session, now: datetime) -> int:
    """Settle messages whose sender died: the recorded stage says what may have happened."""
    lost = session.scalars(
        select(Message).where(Message.state == MessageState.SENDING, Message.lease_until < now)
    ).all()
    for message in lost:
        attempt = session.get_one(DeliveryAttempt, (message.id, message.attempts))
        attempt.ended_at, attempt.reply = now, "the sending process ended without a result"
        message.last_code, message.last_text = None, attempt.reply
        _after_failure(message, AttemptStage(attempt.stage), None, now)
        _tell(session, message, now)
    return len(lost)


def expire_late(session: Session, today: date) -> None:
    """Expire every message that may not leave any more."""
    session.execute(
        update(Message)
        .where(Message.state.in_(sorted(CLAIMABLE_STATES)), Message.send_until < today)
        .values(state=MessageState.EXPIRED, lease_until=None)
    )


def _held(session: Session, claimed: Claimed) -> Message | None:
    return session.scalars(
        select(Message).where(
            Message.id == claimed.message_id,
            Message.state == MessageState.SENDING,
            Message.attempts == claimed.attempt,
        )
    ).one_or_none()
