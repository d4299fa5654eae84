"""The only writer of attempts: claim, pass the dot, settle, recover."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, bindparam, func, insert, select, tuple_, update
from sqlalchemy.orm import Session

from retention.db.models.work.actions import Action, Rendering
from retention.db.models.work.messages import DeliveryAttempt, Message
from retention.db.recording import Entry, record
from retention.db.seals import touch
from retention.domain.gateways import channel_of
from retention.domain.messages import (
    AttemptStage,
    MessageState,
    SendPolicy,
    Verdict,
    state_after_failure,
    verdict_of,
    wait_before_retry,
)
from retention.messages import customer_links, outbox
from retention.messages.customer_links import Tokens


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that this process alone may send now. `attempt` is its fence.

    It is dated by `claimed_at`; `letter` is what its PDF is made of, `tokens` are of its
    links. `waited` are the seconds that rules have kept it until then.
    """

    message_id: str
    attempt: int
    action_id: str
    policy: SendPolicy
    sender: str
    recipient: str
    raw: bytes
    content_hash: str
    claimed_at: datetime
    letter: str | None = None
    waited: int = 0
    tokens: Tokens = field(default_factory=dict)


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


def claim(session: Session, ids: Sequence[str], now: datetime, lease: timedelta) -> list[Claimed]:
    """Take messages by conditional update; those that somebody else has are not among them."""
    numbers = outbox.claim(session, ids, now, now + lease)
    connection = session.connection()
    if not numbers:
        return []
    connection.execute(_BEGIN, [{"key": key, "n": n, "at": now} for key, n in numbers.items()])
    rows = connection.execute(_TAKEN, {"ids": list(numbers)}).all()
    leaving = ((row.action_id, row.customer_id, row.pages) for row in rows if row.pages)
    tokens = customer_links.mint(session, leaving, now)
    found = {
        row.id: Claimed(row.id, numbers[row.id], row.action_id, row.policy, row.return_path,
                        row.recipient, row.raw, row.content_hash, now, row.letter,
                        _waited(row, now), tokens.get(row.action_id, {}))
        for row in rows
    }  # fmt: skip
    return [found[message_id] for message_id in ids if message_id in found]


def _waited(message: Any, now: datetime) -> int:
    lately = now - message.waiting_since if message.waiting_since else timedelta()
    waited: int = message.waited + int(lately.total_seconds())
    return waited


_BEGIN = insert(DeliveryAttempt.__table__).values(  # type: ignore[arg-type]
    message_id=bindparam("key"), number=bindparam("n"), started_at=bindparam("at"),
    stage=int(AttemptStage.CLAIMED),
)  # fmt: skip
_TAKEN = (
    select(Message.id, Message.action_id, Message.policy, Message.content_hash,
           Message.waited, Message.waiting_since,
           Rendering.return_path, Rendering.recipient, Rendering.raw, Rendering.letter,
           Rendering.pages, Action.customer_id)
    .join(Action, Action.id == Message.action_id)
    .join(Rendering, Rendering.action_id == Message.action_id)
    .where(Message.id.in_(bindparam("ids", expanding=True)))
)  # fmt: skip


def record_dots(session: Session, claims: Iterable[Claimed], lease_until: datetime) -> set[str]:
    """Write down that the data of these messages is about to be sent; return whose claim holds.

    Whoever is not among them has lost the message to another process and must not send it.
    """
    pairs = [(claim.message_id, claim.attempt) for claim in claims]
    held = set(session.connection().execute(_RECORD_DOTS, {"pairs": pairs}).scalars())
    outbox.hold_on(session, held, lease_until)
    return held


# The fence: an attempt counts only while its message is being sent, and is still that one.
_RECORD_DOTS = (
    update(DeliveryAttempt)
    .where(
        tuple_(DeliveryAttempt.message_id, DeliveryAttempt.number).in_(
            bindparam("pairs", expanding=True)
        ),
        select(Message.id)
        .where(
            Message.id == DeliveryAttempt.message_id,
            Message.attempts == DeliveryAttempt.number,
            Message.state == MessageState.SENDING,
        )
        .exists(),
    )
    .values(stage=int(AttemptStage.DOT))
    .returning(DeliveryAttempt.message_id)
)
_HELD = (
    select(Message.id, Message.attempts, Message.state)
    .where(Message.id.in_(bindparam("ids", expanding=True)))
    .with_for_update()
)


def record_ends(session: Session, endings: Sequence[Ending]) -> dict[str, MessageState]:
    """Settle attempts; return each message's new state. A lost claim is not among them.

    That the server has taken a message is worth knowing also when it comes late: one that counts
    as unknown by then is settled by it. Statements for all of them at once: this is where a round
    spends its time.
    """
    held = _held(session, endings)
    tried = _tallies(session, [e for e in endings if e.verdict is not None])
    mine = [e for e in endings if (e.claimed.message_id, e.claimed.attempt) in held]
    if not mine:
        return {}
    settled = [_outcome(ending, tried.get(ending.claimed.message_id, (0, 0))) for ending in mine]
    outbox.settle(session, settled, {message_id: state for (message_id, _), state in held.items()})
    session.connection().execute(_SETTLE_ATTEMPT, [_attempt_of(ending) for ending in mine])
    touch(session, DeliveryAttempt, ((e.claimed.message_id, e.claimed.attempt) for e in mine))
    for ending, outcome in zip(mine, settled, strict=True):
        _tell(session, ending, outcome.state)
    return {outcome.message_id: outcome.state for outcome in settled}


def _held(session: Session, endings: Sequence[Ending]) -> dict[tuple[str, int], MessageState]:
    ids = [ending.claimed.message_id for ending in endings]
    rows = session.connection().execute(_HELD, {"ids": ids})
    taken = {ending.claimed.message_id for ending in endings if ending.verdict is None}
    return {
        (row.id, row.attempts): row.state
        for row in rows
        if row.state is MessageState.SENDING
        or (row.state is MessageState.UNKNOWN and row.id in taken)
    }


_SETTLE_ATTEMPT = (
    update(DeliveryAttempt.__table__)  # type: ignore[arg-type]
    .where(
        DeliveryAttempt.__table__.c.message_id == bindparam("key"),
        DeliveryAttempt.__table__.c.number == bindparam("n"),
    )
    .values(
        stage=bindparam("reached"), code=bindparam("answer"), reply=bindparam("words"),
        ended_at=bindparam("ended"),
    )
)  # fmt: skip


def _attempt_of(ending: Ending) -> dict[str, object]:
    return {
        "key": ending.claimed.message_id,
        "n": ending.claimed.attempt,
        "reached": int(ending.stage),
        "answer": ending.code,
        "words": ending.reply,
        "ended": ending.at,
    }


def _outcome(ending: Ending, earlier: tuple[int, int]) -> outbox.Outcome:
    """Return what a message becomes; `earlier` counts its unsure and its refused attempts."""
    claimed, at = ending.claimed, ending.at
    if ending.verdict is None:
        state, sent_at, again = MessageState.SENT, at, at
    else:
        unsure = earlier[0] + (ending.verdict is Verdict.UNSURE)
        refusals = earlier[1] + (ending.stage >= AttemptStage.RCPT and ending.code is not None)
        state = state_after_failure(
            ending.verdict, _policy_of(claimed), unsure=unsure, refusals=refusals
        )
        wait = wait_before_retry(ending.verdict, claimed.attempt, _spread(claimed))
        sent_at, again = None, at + wait
    return outbox.Outcome(
        claimed.message_id, state, ending.code, ending.reply, sent_at, again, claimed.waited
    )


def _policy_of(claimed: Claimed) -> SendPolicy:
    """A text has its link in it: a second one would be another text."""
    text = channel_of(claimed.sender) is not None
    return SendPolicy.AT_MOST_ONCE if text else claimed.policy


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


def _spread(claimed: Claimed) -> float:
    digest = hashlib.sha256(f"{claimed.message_id}:{claimed.attempt}".encode()).digest()
    return digest[0] / 255


def _tell(session: Session, ending: Ending, state: MessageState) -> None:
    claimed = ending.claimed
    document = {
        "action": claimed.action_id,
        "state": state,
        "attempt": claimed.attempt,
        "content": claimed.content_hash,
        "code": ending.code,
    }
    entry = Entry(ending.at, f"message.{state}", f"message {claimed.message_id}", document)
    record(session, entry)


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
                          b"", message.content_hash, attempt.started_at, None,
                          _waited(message, attempt.started_at))  # fmt: skip
        said = "the sending process ended without a result"
        endings.append(Ending(claimed, stage, None, said, verdict_of(stage, None), now))
    return len(record_ends(session, endings))
