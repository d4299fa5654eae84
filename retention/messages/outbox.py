"""The only writer of messages: enqueue, claim, record, put off, take back."""

from collections.abc import Collection
from datetime import date, datetime

from sqlalchemy import update
from sqlalchemy.orm import Session

from retention.db.models import Action, Message
from retention.domain import keys
from retention.domain.messages import (
    CLAIMABLE_STATES,
    MESSAGE_MOVES,
    MessageState,
)
from retention.domain.transitions import require_move
from retention.messages.content_hash import content_of

_NEVER_LEFT = frozenset({MessageState.CANCELLED, MessageState.EXPIRED, MessageState.FAILED})
_ONE_SIDED = {"synchronize_session": False}


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
    message.lease_until, message.waiting_for = None, None


def withdraw(session: Session, message: Message | None, target: MessageState) -> bool:
    """Take a message back by conditional update; return whether nothing of it can leave any more.

    One that is being sent at this moment, was sent, or may have been, is left alone.
    """
    if message is None:
        return True
    take_back(session, [message.id], target, message.last_text)
    session.refresh(message)
    return message.state in _NEVER_LEFT


def take_back(
    session: Session, ids: Collection[str], target: MessageState, reason: str | None
) -> None:
    """Give messages that wait their final state, whoever else looks at them."""
    session.execute(
        update(Message)
        .where(Message.id.in_(ids), Message.state.in_(sorted(CLAIMABLE_STATES)))
        .values(state=target, lease_until=None, waiting_for=None, last_text=reason)
        .execution_options(**_ONE_SIDED)
    )


def put_off(session: Session, ids: Collection[str], reason: str, until: datetime | None) -> None:
    """Let messages wait, and say why; `until` is the moment from which they may leave."""
    values: dict[str, object] = {"waiting_for": reason}
    if until is not None:
        values["not_before"] = until
    session.execute(
        update(Message)
        .where(Message.id.in_(ids), Message.state.in_(sorted(CLAIMABLE_STATES)))
        .values(values)
        .execution_options(**_ONE_SIDED)
    )


def expire_late(session: Session, today: date) -> None:
    """Expire every message that may not leave any more."""
    session.execute(
        update(Message)
        .where(Message.state.in_(sorted(CLAIMABLE_STATES)), Message.send_until < today)
        .values(state=MessageState.EXPIRED, lease_until=None)
        .execution_options(**_ONE_SIDED)
    )
