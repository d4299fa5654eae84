"""The only writer of messages: enqueue, claim, record, put off, take back."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import bindparam, func, literal, select, update
from sqlalchemy.orm import Session

from retention.db.models.work.actions import Action
from retention.db.models.work.messages import Message
from retention.db.seals import touch
from retention.domain import keys
from retention.domain.messages import (
    CLAIMABLE_STATES,
    MESSAGE_MOVES,
    MessageState,
)
from retention.domain.transitions import before, require_move
from retention.messages.content_hash import content_of

_NEVER_LEFT = frozenset({MessageState.CANCELLED, MessageState.EXPIRED, MessageState.FAILED})
IN_DOUBT = frozenset({MessageState.SENDING, MessageState.UNKNOWN, MessageState.SENT})
"""States in which a message may have arrived before its action says so."""

_ONE_SIDED = {"synchronize_session": False}


def enqueue(session: Session, action: Action, not_before: datetime) -> Message:
    """Put an approved e-mail into the outbox, in the transaction that approves it.

    One that its approver took back before any attempt, and that is approved again, is put back.
    """
    rendering = action.rendering
    if rendering is None:
        raise AssertionError(f"action {action.id} has nothing to send")
    if action.message is not None:
        if action.message.attempts:
            raise AssertionError(f"message {action.message.id} was tried before")
        set_state(action.message, MessageState.QUEUED)
        action.message.content_hash = content_of(action)
        action.message.not_before, action.message.waited = not_before, 0
        return action.message
    message = Message(
        id=keys.message_id(action.id),
        action_id=action.id,
        state=MessageState.QUEUED,
        policy=rendering.policy,
        content_hash=content_of(action),
        attempts=0,
        waited=0,
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
    message.lease_until, message.waiting_for, message.waiting_since = None, None, None


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
        .values(
            state=target, lease_until=None, waiting_for=None, waiting_since=None, last_text=reason
        )
        .execution_options(**_ONE_SIDED)
    )
    touch(session, Message, ids)


def claim(session: Session, ids: Collection[str], now: datetime, until: datetime) -> dict[str, int]:
    """Take messages that may leave now, until a moment; return the number of each one's attempt.

    Those that somebody else has, that are held, or that wait are not among them.
    """
    asked = {"ids": list(ids), "now": now, "until": until}
    return {row.id: row.attempts for row in session.connection().execute(_CLAIM, asked)}


# Made once: a round asks for a few messages at a time, and making one costs more than asking.
_CLAIM = (
    update(Message)
    .where(
        Message.id.in_(bindparam("ids", expanding=True)),
        Message.state.in_(before(MESSAGE_MOVES, MessageState.SENDING)),
        Message.held_by.is_(None),
        Message.not_before <= bindparam("now"),
    )
    .values(
        state=MessageState.SENDING,
        lease_until=bindparam("until"),
        attempts=Message.attempts + 1,
        waiting_for=None,
    )
    .returning(Message.id, Message.attempts)
)


def hold_on(session: Session, ids: Collection[str], until: datetime) -> None:
    """Hold messages that are being sent for longer."""
    session.connection().execute(_HOLD_ON, {"ids": list(ids), "until": until})


_HOLD_ON = (
    update(Message)
    .where(Message.id.in_(bindparam("ids", expanding=True)))
    .values(lease_until=bindparam("until"))
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a message that was being sent, with the server's last words.

    `waited` are the seconds that it has waited by rule until it was claimed.
    """

    message_id: str
    state: MessageState
    code: int | None
    reply: str
    sent_at: datetime | None
    not_before: datetime
    waited: int


def settle(
    session: Session, outcomes: Sequence[Outcome], present: Mapping[str, MessageState]
) -> None:
    """Settle messages that this process holds, all at once; `present` are their states.

    Raises MoveNotAllowedError.
    """
    for outcome in outcomes:
        subject = f"message {outcome.message_id}"
        require_move(MESSAGE_MOVES, present[outcome.message_id], outcome.state, subject=subject)
    session.connection().execute(
        _SETTLE,
        [
            {"key": o.message_id, "to": o.state, "code": o.code, "reply": o.reply,
             "sent": o.sent_at, "again": o.not_before, "waited_for": o.waited}
            for o in outcomes
        ],
    )  # fmt: skip
    touch(session, Message, (outcome.message_id for outcome in outcomes))


_SETTLE = (
    update(Message.__table__)  # type: ignore[arg-type]
    .where(Message.__table__.c.id == bindparam("key"))
    .values(
        state=bindparam("to"), last_code=bindparam("code"), last_text=bindparam("reply"),
        sent_at=bindparam("sent"), not_before=bindparam("again"), waited=bindparam("waited_for"),
        lease_until=None, waiting_for=None, waiting_since=None,
    )
)  # fmt: skip


def put_off(
    session: Session,
    ids: Collection[str],
    reason: str,
    now: datetime,
    until: datetime | None = None,
) -> None:
    """Let messages wait from `now` on, and say why; `until` is when they may leave, if known."""
    values: dict[str, object] = {
        "waiting_for": reason,
        "waiting_since": func.coalesce(
            Message.waiting_since, literal(now, Message.waiting_since.type)
        ),
    }
    if until is not None:
        values["not_before"] = until
    session.execute(
        update(Message)
        .where(Message.id.in_(ids), Message.state.in_(sorted(CLAIMABLE_STATES)))
        .values(values)
        .execution_options(**_ONE_SIDED)
    )


def list_late(session: Session, today: date) -> list[str]:
    """Return the ids of messages that wait and may not leave any more."""
    late = select(Message.id).where(
        Message.state.in_(sorted(CLAIMABLE_STATES)), Message.send_until < today
    )
    return list(session.scalars(late))
