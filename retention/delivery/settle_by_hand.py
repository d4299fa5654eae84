"""People settle messages: what became of an unknown one, and which of them wait or go on."""

from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from retention.actions.lifecycle import finish_sent, set_state
from retention.db.models.incoming import Incoming
from retention.db.models.work.actions import Action
from retention.db.models.work.messages import Message
from retention.db.queries import messages as queries
from retention.domain.actions import ActionState
from retention.domain.dates import date_in
from retention.domain.incoming import STATE_AFTER
from retention.domain.messages import CLAIMABLE_STATES, MessageState, SendPolicy
from retention.domain.people import Permission, refuse, require, require_reason
from retention.messages import outbox
from retention.people.actor import Actor, may


class Fate(StrEnum):
    """What a person has found out about a message whose fate was unknown."""

    SENT = "sent"
    NOT_SENT = "not_sent"


def settle(
    session: Session, message_id: str, actor: Actor, fate: Fate, *, reason: str, timezone: str
) -> Message:
    """Say what became of an unknown message, and how one knows.

    One that was sent counts from the day of its attempt. One that was not fails for good: its step
    is proposed anew, and whoever approved it approves again. Raises NotAllowedError.
    """
    message, action = queries.get(session, message_id, lock=True)
    subject = f"message {message.id[:8]}"
    require(actor.person, Permission.SETTLE, subject=subject)
    said = require_reason(subject, reason)
    if message.state is not MessageState.UNKNOWN:
        refuse(subject, f"is {message.state}, not unknown", "Only what is unknown is settled.")
    bounced = select(Incoming.id).where(
        Incoming.message_id == message.id, Incoming.kind.in_(sorted(STATE_AFTER))
    )
    if fate is Fate.SENT and session.scalar(bounced.limit(1)) is not None:
        refuse(subject, "something came back for it", "See 'retention inbox list'.")
    message.last_text = said
    if fate is Fate.SENT:
        outbox.set_state(message, MessageState.SENT)
        message.sent_at = max(attempt.started_at for attempt in message.tried)
        finish_sent(action, date_in(message.sent_at, timezone))
    else:
        outbox.set_state(message, MessageState.FAILED)
        if action.state is ActionState.APPROVED:
            set_state(action, ActionState.EXPIRED)
    actor.tell(session, "message.settled", action, reason=said, fate=fate)
    return message


def retry(session: Session, message_id: str, actor: Actor, *, reason: str) -> Message:
    """Let a message that waits to be tried again go at the next round.

    An unknown one may be repeated by hand only when it may be repeated at all. Raises
    NotAllowedError.
    """
    message, action = queries.get(session, message_id, lock=True)
    subject = f"message {message.id[:8]}"
    _require_owner_or(session, actor, action, Permission.SETTLE, subject)
    said = require_reason(subject, reason)
    if message.state is MessageState.UNKNOWN:
        if message.policy is SendPolicy.AT_MOST_ONCE:
            refuse(
                subject,
                "may have arrived, and must not arrive twice",
                "Settle it as not_sent; the next night proposes it anew.",
            )
        outbox.set_state(message, MessageState.QUEUED)
    elif message.state is not MessageState.RETRY_WAIT:
        refuse(subject, f"is {message.state}", "Only what waits to be tried again can be hurried.")
    message.not_before, message.waiting_for = actor.now, None
    actor.tell(session, "message.retried", action, reason=said)
    return message


def hold(session: Session, message_id: str, actor: Actor, *, reason: str) -> Message:
    """Keep a message from leaving until it is released. Raises NotAllowedError."""
    message, action = queries.get(session, message_id, lock=True)
    subject = f"message {message.id[:8]}"
    _require_owner_or(session, actor, action, Permission.STOP, subject)
    said = require_reason(subject, reason)
    if message.state not in CLAIMABLE_STATES:
        refuse(subject, f"is {message.state}", "Only what waits can be held.")
    if message.held_by not in (None, actor.person.person_id):
        refuse(subject, f"is held by '{message.held_by}'", "Ask them; it leaves for nobody.")
    message.held_by, message.last_text = actor.person.person_id, said
    message.waiting_since = message.waiting_since or actor.now
    actor.tell(session, "message.held", action, reason=said)
    return message


def release(session: Session, message_id: str, actor: Actor) -> Message:
    """Let a held message leave. Raises NotAllowedError."""
    message, action = queries.get(session, message_id, lock=True)
    subject = f"message {message.id[:8]}"
    if message.held_by is None:
        refuse(subject, "is not held", "See 'retention outbox list'.")
    if message.held_by != actor.person.person_id:
        _require_owner_or(session, actor, action, Permission.START, subject)
    message.held_by = None
    actor.tell(session, "message.released", action)
    return message


def _require_owner_or(
    session: Session, actor: Actor, action: Action, permission: Permission, subject: str
) -> None:
    """The account's own people may, and who has the permission for everything."""
    if not may(session, actor, Permission.REVIEW, action.owner):
        require(actor.person, permission, subject=subject, owner=action.owner)
