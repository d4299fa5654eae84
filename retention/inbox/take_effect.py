"""What came back takes effect: suppress, void, pause, and hand to the one who looks after it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, joinedload

from retention.actions import agreed_calls
from retention.db.models.incoming import Incoming
from retention.db.models.work.actions import Action, Rendering
from retention.db.models.work.messages import Message
from retention.db.recording import Entry, record
from retention.domain.actions import ActionState
from retention.domain.customer_pages import without_tokens
from retention.domain.dates import Calendar, Period, date_in
from retention.domain.exclusions import ALL, ExclusionKind, ExclusionReason
from retention.domain.incoming import STATE_AFTER, IncomingKind
from retention.domain.messages import MESSAGE_MOVES, MessageClass, MessageState
from retention.domain.sending import USUAL_DEAD_AT_ONCE, DeadAtOnce
from retention.inbox import reply_tasks as replies
from retention.inbox.out_of_office import back_on
from retention.inbox.parse import Received
from retention.inbox.protecting import protecting_words
from retention.inbox.quotations import own_words
from retention.messages import outbox
from retention.safeguards import dead_addresses, exclusions
from retention.safeguards.soft_bounces import soft_in_a_row


class NotYetError(Exception):
    """The message that this answers is being sent: look again in a moment."""


_BOUNCES = (IncomingKind.HARD_BOUNCE, IncomingKind.SOFT_BOUNCE)
_ASKS_FOR_NOTHING = (
    IncomingKind.UNSUBSCRIBE,
    IncomingKind.AUTO_REPLY,
    IncomingKind.OUT_OF_OFFICE,
)


@dataclass(frozen=True, slots=True)
class InboxRules:
    """The company's zone, when replies are due, and when an address is dead."""

    timezone: str
    answer_within: Period
    workdays: Callable[[date], Calendar]
    soft_bounces: int
    dead_at_once: DeadAtOnce = USUAL_DEAD_AT_ONCE


def take_in(
    session: Session, received: Received, now: datetime, rules: InboxRules
) -> Incoming | None:
    """Put one message on record and let it take effect; None when it was there already.

    Raises NotYetError for an answer to a message that is being sent at this moment.
    """
    if any(session.get(Incoming, known) for known in (received.digest, received.raw_digest)):
        return None
    ours = _answered(session, received)
    if ours is not None and ours.state is MessageState.SENDING:
        raise NotYetError
    row = Incoming(
        id=received.digest,
        kind=received.kind,
        reason=received.reason[:300],
        code=received.code,
        received_at=min(received.received_at or now, now),
        read_at=now,
        message_id=ours.id if ours else None,
        sender=received.sender,
        subject=without_tokens(received.subject or "") or None,
        text=without_tokens(received.text or "") or None,
    )
    session.add(row)
    if ours is not None:
        action = _action_of(session, ours)
        row.customer_id = action.customer_id
        if row.kind is IncomingKind.OUT_OF_OFFICE:
            row.back_on = _back_on(row, action, rules.timezone)
        session.flush()
        _take_effect(session, row, ours, action, _is_about(action, received), rules)
        if received.refused_call is not None:
            _ask_for_another_time(session, row, action, received.refused_call, rules)
    _tell(session, row, now)
    return row


def _answered(session: Session, received: Received) -> Message | None:
    """Return the message of ours that this one answers: only its token says so.

    Who asks in a new letter to be left out, and whose complaint a provider passes on, is known by
    their address: it does them no harm.
    """
    query = select(Rendering.action_id).where(Rendering.token.in_(received.tokens))
    if not received.tokens:
        address = _whose_wish(received)
        if address is None:
            return None
        query = _last_written_to(address)
    return _message_of(session, session.scalars(query).first())


def _whose_wish(received: Received) -> str | None:
    """Return the one address whose owner wants to be left alone."""
    if received.kind is IncomingKind.UNSUBSCRIBE:
        return received.sender
    if received.kind is IncomingKind.COMPLAINT and len(received.addresses) == 1:
        return received.addresses[0]
    return None


def _last_written_to(address: str) -> Select[str]:
    return (
        select(Rendering.action_id)
        .join(Message, Message.action_id == Rendering.action_id)
        .where(func.lower(Rendering.recipient) == address.casefold(), Message.sent_at.is_not(None))
        .order_by(Message.sent_at.desc())
        .limit(1)
    )


def _message_of(session: Session, action_id: str | None) -> Message | None:
    if action_id is None:
        return None
    query = select(Message).where(Message.action_id == action_id).with_for_update()
    return session.scalars(query).one_or_none()


def _action_of(session: Session, message: Message) -> Action:
    return session.scalars(
        select(Action)
        .where(Action.id == message.action_id)
        .options(joinedload(Action.case), joinedload(Action.rendering), joinedload(Action.offer))
    ).one()


def _is_about(action: Action, received: Received) -> bool:
    """Return whether a report is about the address we wrote to, not one it was passed on to."""
    named = {address.casefold() for address in received.addresses if "@" in address}
    return action.rendering is None or not named or action.rendering.recipient.casefold() in named


def _take_effect(
    session: Session, row: Incoming, message: Message, action: Action, ours: bool, rules: InboxRules
) -> None:
    if row.kind is IncomingKind.HARD_BOUNCE and not ours:
        row.kind, row.reason = (
            IncomingKind.SOFT_BOUNCE,
            f"passed on to another address: {row.reason}",
        )
    target = STATE_AFTER.get(row.kind)
    if target is not None and target in MESSAGE_MOVES[message.state]:
        outbox.set_state(message, target)
        message.last_text = row.reason
    if row.kind in _BOUNCES:
        _note_bounce(session, row, action, rules)
    elif row.kind in (IncomingKind.COMPLAINT, IncomingKind.UNSUBSCRIBE):
        _opt_out(session, row, rules.timezone)
    elif row.kind is IncomingKind.OUT_OF_OFFICE and row.back_on is not None:
        _wait_until_back(session, row, action)
    if row.kind is IncomingKind.REPLY or _says_more(row, action):
        row.action_id = _hand_over(session, action, row.read_at, rules).id


def _hand_over(session: Session, action: Action, read_at: datetime, rules: InboxRules) -> Action:
    return replies.hand_to_owner(session, action, *_answer_by(read_at, rules))


def _answer_by(read_at: datetime, rules: InboxRules) -> tuple[date, date]:
    """Return the company's date at a moment, and the day by which an answer is due."""
    on = date_in(read_at, rules.timezone)
    return on, rules.answer_within.after(on, rules.workdays(on))


def _note_bounce(session: Session, row: Incoming, action: Action, rules: InboxRules) -> None:
    """An address that is wrong for good, or failed too often, is not written to any more."""
    if action.rendering is None:
        return
    address = action.rendering.recipient.casefold()
    reason = row.reason
    if row.kind is IncomingKind.SOFT_BOUNCE:
        in_a_row = soft_in_a_row(session, address, rules.soft_bounces)
        if in_a_row < rules.soft_bounces:
            return
        reason = f"{in_a_row} soft bounces in a row: {reason}"
    dead_addresses.note(
        session, address, action.customer_id, reason, row.read_at, rules.dead_at_once
    )


def _opt_out(session: Session, row: Incoming, timezone: str) -> None:
    """Who complains gets nothing but legal notices; who unsubscribes, nothing that sells."""
    complained = row.kind is IncomingKind.COMPLAINT
    wish = exclusions.Wish(
        customer_id=row.customer_id or "",
        kind=ExclusionKind.SUPPRESSION,
        reason=ExclusionReason.DO_NOT_DISTURB if complained else ExclusionReason.UNSUBSCRIBED,
        starts_on=date_in(row.read_at, timezone),
        ends_on=None,
        scope=ALL if complained else MessageClass.COMMERCIAL,
        note=row.reason,
    )
    exclusions.place_for_customer(session, wish, row.read_at)


def _says_more(row: Incoming, action: Action) -> bool:
    """Who asks to be left out, or is away, asks for nothing, unless their words protect them."""
    sent = action.rendering
    ours = sent.text if sent else ""
    return row.kind in _ASKS_FOR_NOTHING and bool(protecting_words(row.text or "", ours))


def _ask_for_another_time(
    session: Session, row: Incoming, action: Action, call_id: str, rules: InboxRules
) -> None:
    """Who agreed on the call agrees anew; the case does not wait for it."""
    call = agreed_calls.ask_anew(
        session, action.case_id, call_id, row.reason, row.read_at, _answer_by(row.read_at, rules)[1]
    )
    if call is not None and row.action_id is None:
        row.action_id = call.id


def _back_on(row: Incoming, action: Action, timezone: str) -> date | None:
    """Return when they come back, by their own words alone, as dates are written where they are."""
    sent = action.rendering
    words = own_words(row.text or "", sent.text if sent else "")
    country = sent.place[:2] if sent else None
    return back_on(words, date_in(row.received_at, timezone), country)


def _wait_until_back(session: Session, row: Incoming, action: Action) -> None:
    """What waits for somebody who is away waits until they are back."""
    if row.back_on is None:
        return
    waiting = session.scalars(
        select(Message.id)
        .join(Action, Action.id == Message.action_id)
        .where(
            Action.customer_id == action.customer_id,
            Message.send_until >= row.back_on,
            Action.state == ActionState.APPROVED,
        )
    ).all()
    back = datetime.combine(row.back_on, datetime.min.time(), row.read_at.tzinfo)
    if waiting and back > row.read_at:
        until = back + timedelta(hours=6)
        outbox.put_off(session, waiting, f"away until {row.back_on}", row.read_at, until)


def _tell(session: Session, row: Incoming, now: datetime) -> None:
    document = {
        "incoming": row.id,
        "kind": row.kind,
        "reason": row.reason,
        "code": row.code,
        "message": row.message_id,
        "task": row.action_id,
    }
    subject = f"message {row.message_id}" if row.message_id else "inbox"
    record(session, Entry(now, f"incoming.{row.kind}", subject, document, row.customer_id))
