"""The only writer of messages: enqueue, claim, record, put off, take back."""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, and_, func, or_, select, update
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
    Verdict,
    state_after_failure,
    verdict_of,
    wait_before_retry,
)
from retention.domain.transitions import require_move
from retention.services.content import content_of

_NEVER_LEFT = frozenset({MessageState.CANCELLED, MessageState.EXPIRED, MessageState.FAILED})
_ONE_SIDED = {"synchronize_session": False}


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
    content_hash: str


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt ended: the last stage, the server's reply, and what it means.

    `verdict` is None for a message that the server has taken.
    """

    claimed: Claimed
    stage: AttemptStage
    code: int | None
    reply: str
    verdict: Verdict | None
    at: datetime


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


def claim(session: Session, ids: Sequence[str], now: datetime, lease: timedelta) -> list[Claimed]:
    """Take messages by conditional update; those that somebody else has are not among them."""
    taken = session.execute(
        update(Message)
        .where(
            Message.id.in_(ids),
            Message.state.in_(sorted(CLAIMABLE_STATES)),
            Message.held_by.is_(None),
        )
        .values(
            state=MessageState.SENDING,
            lease_until=now + lease,
            attempts=Message.attempts + 1,
            waiting_for=None,
        )
        .returning(Message.id, Message.attempts)
        .execution_options(**_ONE_SIDED)
    ).all()
    numbers = {row.id: row.attempts for row in taken}
    session.add_all(
        DeliveryAttempt(
            message_id=message_id, number=number, stage=int(AttemptStage.CLAIMED), started_at=now
        )
        for message_id, number in numbers.items()
    )
    rows = session.execute(
        select(Message.id, Message.action_id, Message.policy, Message.content_hash,
               Rendering.return_path, Rendering.recipient, Rendering.raw)
        .join(Rendering, Rendering.action_id == Message.action_id)
        .where(Message.id.in_(numbers))
    ).all()  # fmt: skip
    found = {
        row.id: Claimed(row.id, numbers[row.id], row.action_id, row.policy, row.return_path,
                        row.recipient, row.raw, row.content_hash)
        for row in rows
    }  # fmt: skip
    return [found[message_id] for message_id in ids if message_id in found]


def record_dots(session: Session, claims: Iterable[Claimed], lease_until: datetime) -> set[str]:
    """Write down that the data of these messages is about to be sent; return whose claim holds.

    Whoever is not among them has lost the message to another process and must not send it.
    """
    wanted = {(claim.message_id, claim.attempt): claim for claim in claims}
    held = set(
        session.scalars(
            update(DeliveryAttempt)
            .where(_are_held(wanted.values()))
            .values(stage=int(AttemptStage.DOT))
            .returning(DeliveryAttempt.message_id)
            .execution_options(**_ONE_SIDED)
        )
    )
    session.execute(
        update(Message)
        .where(Message.id.in_(held))
        .values(lease_until=lease_until)
        .execution_options(**_ONE_SIDED)
    )
    return held


def _are_held(claims: Iterable[Claimed]) -> ColumnElement[bool]:
    """The fence: an attempt counts only while its message is being sent, and is still that one."""
    pairs = [
        and_(DeliveryAttempt.message_id == c.message_id, DeliveryAttempt.number == c.attempt)
        for c in claims
    ]
    current = (
        select(Message.id)
        .where(
            Message.id == DeliveryAttempt.message_id,
            Message.attempts == DeliveryAttempt.number,
            Message.state == MessageState.SENDING,
        )
        .exists()
    )
    return and_(or_(*pairs), current)


def record_ends(session: Session, endings: Sequence[Ending]) -> dict[str, MessageState]:
    """Settle attempts; return each message's new state. A lost claim is not among them.

    That the server has taken a message is worth knowing also when it comes late: one that counts
    as unknown by then is settled by it.
    """
    found = _held_messages(session, endings)
    tried = _tallies(session, [e for e in endings if e.verdict is not None])
    settled = {}
    for ending in endings:
        pair = found.get((ending.claimed.message_id, ending.claimed.attempt))
        if pair is None:
            continue
        message, attempt = pair
        attempt.stage, attempt.code = int(ending.stage), ending.code
        attempt.reply, attempt.ended_at = ending.reply, ending.at
        _settle(message, ending, tried)
        _tell(session, message, ending.at)
        settled[message.id] = message.state
    return settled


def _held_messages(
    session: Session, endings: Sequence[Ending]
) -> dict[tuple[str, int], tuple[Message, DeliveryAttempt]]:
    rows = session.execute(
        select(Message, DeliveryAttempt)
        .join(DeliveryAttempt, DeliveryAttempt.message_id == Message.id)
        .where(
            Message.id.in_([e.claimed.message_id for e in endings]),
            Message.state.in_([MessageState.SENDING, MessageState.UNKNOWN]),
            DeliveryAttempt.number == Message.attempts,
        )
        .execution_options(populate_existing=True)
    )
    taken = {e.claimed.message_id for e in endings if e.verdict is None}
    return {
        (message.id, attempt.number): (message, attempt)
        for message, attempt in rows
        if message.state is MessageState.SENDING or message.id in taken
    }


def _tallies(session: Session, endings: Sequence[Ending]) -> dict[str, tuple[int, int]]:
    """Return how often, before now, each message may have left, and was answered with a 4xx."""
    ids = [ending.claimed.message_id for ending in endings]
    if not ids:
        return {}
    dot, rcpt = int(AttemptStage.DOT), int(AttemptStage.RCPT)
    unsure = and_(DeliveryAttempt.stage == dot, DeliveryAttempt.code.is_(None))
    refused = and_(DeliveryAttempt.stage >= rcpt, DeliveryAttempt.code.is_not(None))
    rows = session.execute(
        select(
            DeliveryAttempt.message_id,
            func.count().filter(unsure),
            func.count().filter(refused),
        )
        .where(DeliveryAttempt.message_id.in_(ids), DeliveryAttempt.ended_at.is_not(None))
        .group_by(DeliveryAttempt.message_id)
    )
    return {message_id: (before, refusals) for message_id, before, refusals in rows}


def _settle(message: Message, ending: Ending, tried: dict[str, tuple[int, int]]) -> None:
    message.last_code, message.last_text = ending.code, ending.reply
    if ending.verdict is None:
        set_state(message, MessageState.SENT)
        message.sent_at = ending.at
        return
    unsure, refusals = tried.get(message.id, (0, 0))
    unsure += ending.verdict is Verdict.UNSURE
    refusals += ending.stage >= AttemptStage.RCPT and ending.code is not None
    state = state_after_failure(ending.verdict, message.policy, unsure=unsure, refusals=refusals)
    set_state(message, state)
    wait = wait_before_retry(ending.verdict, message.attempts, _spread(message))
    message.not_before = ending.at + wait


def _spread(message: Message) -> float:
    digest = hashlib.sha256(f"{message.id}:{message.attempts}".encode()).digest()
    return digest[0] / 255


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
    lost = session.execute(
        select(Message, DeliveryAttempt)
        .join(DeliveryAttempt, DeliveryAttempt.message_id == Message.id)
        .where(
            Message.state == MessageState.SENDING,
            Message.lease_until < now,
            DeliveryAttempt.number == Message.attempts,
        )
        .with_for_update()
    ).all()
    endings = []
    for message, attempt in lost:
        stage = AttemptStage(attempt.stage)
        claimed = Claimed(message.id, attempt.number, message.action_id, message.policy, "", "",
                          b"", message.content_hash)  # fmt: skip
        said = "the sending process ended without a result"
        endings.append(Ending(claimed, stage, None, said, verdict_of(stage, None), now))
    return len(record_ends(session, endings))


def expire_late(session: Session, today: date) -> None:
    """Expire every message that may not leave any more."""
    session.execute(
        update(Message)
        .where(Message.state.in_(sorted(CLAIMABLE_STATES)), Message.send_until < today)
        .values(state=MessageState.EXPIRED, lease_until=None)
        .execution_options(**_ONE_SIDED)
    )
