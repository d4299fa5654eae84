"""The only writer of events that came in: once each by its id, and what follows from it at once.

Whatever it is, it can only hold back, confirm or inform: no event moves anybody on.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from retention.actions import completion, offers
from retention.actions.assignment import note
from retention.db.locks import lock
from retention.db.models.customer_pages import ReceivedEvent
from retention.db.models.exemptions import Exclusion
from retention.db.models.work.actions import Action, Rendering
from retention.db.models.work.cases import Case
from retention.db.models.work.messages import Message
from retention.db.recording import Entry, record
from retention.domain.actions import ActionKind, ActionState
from retention.domain.dates import date_in
from retention.domain.errors import NotAllowedError
from retention.domain.exclusions import ALL, ExclusionKind, ExclusionReason
from retention.domain.messages import MESSAGE_MOVES, MessageState
from retention.domain.people import refuse
from retention.domain.sending import USUAL_DEAD_AT_ONCE
from retention.events import kinds
from retention.messages import outbox
from retention.people.actor import Author
from retention.safeguards import dead_addresses, exclusions, preferences

_UNTIL_CLOSED = timedelta(days=92)
_STRANGE = "; no customer of the newest night has this id: check it"
_ITS_OWN = frozenset({"type", "id", "customer_id", "occurred_at"})


@dataclass(frozen=True, slots=True)
class Taking:
    """One event being taken in: from which system, when, on which of the company's days."""

    session: Session
    source: str
    event: Any
    now: datetime
    today: date
    hold: timedelta

    @property
    def author(self) -> Author:
        """Who tells."""
        return Author(f"event:{self.source}"[:64], self.now, self.today)


def take(
    session: Session,
    source: str,
    event: Any,
    now: datetime,
    timezone: str,
    hold: timedelta,
    *,
    strange: bool = False,
) -> tuple[ReceivedEvent, bool]:
    """Take an event in; return its row, and whether it was known already.

    Of a `strange` customer, whom the newest night does not know, the sender is told so: it may be
    somebody new, or an id that is mistyped.

    Raises NotAllowedError for an id that was used for something else.
    """
    said = {k: v for k, v in event.model_dump(mode="json").items() if k not in _ITS_OWN}
    lock(session, f"event {source} {event.id}")
    lock(session, f"customer {event.customer_id}")
    known = session.get(ReceivedEvent, (source, event.id))
    if known is not None:
        same = (known.kind, known.customer_id, known.values) == (
            event.type, event.customer_id, said,
        )  # fmt: skip
        if not same:
            refuse(f"event {event.id}"[:80], "has this id, and says something else",
                   "Give each event an id of its own.")  # fmt: skip
        return known, True
    taking = Taking(session, source, event, now, date_in(now, timezone), hold)
    effect = _EFFECTS[event.type](taking) + (_STRANGE if strange else "")
    row = ReceivedEvent(
        id=event.id,
        source=source,
        kind=event.type,
        customer_id=event.customer_id,
        happened_at=event.occurred_at,
        received_at=now,
        values=said,
        effect=effect[:300],
    )
    session.add(row)
    session.flush()
    document = {"event": event.id, "source": source, "effect": effect, **said}
    record(session, Entry(now, f"event.{event.type}", f"event {event.id}"[:80], document,
                          event.customer_id))  # fmt: skip
    return row, False


def _hold(taking: Taking, reason: ExclusionReason, until: date, why: str) -> str:
    wish = exclusions.Wish(
        customer_id=taking.event.customer_id,
        kind=ExclusionKind.HOLD,
        reason=reason,
        starts_on=taking.today,
        ends_on=until,
        scope=ALL,
        note=why,
    )
    row = exclusions.place_by(taking.session, wish, taking.author.name, taking.now)
    return f"hold {row.id} until {row.ends_on}: {reason}"


def _paid(taking: Taking) -> str:
    event: kinds.Paid = taking.event
    return _hold(taking, ExclusionReason.PAID, taking.today + taking.hold,
                 f"{event.amount} {event.currency} paid")  # fmt: skip


def _complaint(taking: Taking) -> str:
    event: kinds.ComplaintOpened = taking.event
    return _hold(taking, ExclusionReason.COMPLAINT, taking.today + _UNTIL_CLOSED,
                 f"complaint {event.ticket_id}")  # fmt: skip


def _complaint_closed(taking: Taking) -> str:
    event: kinds.ComplaintClosed = taking.event
    ended = 0
    for row in _holds(taking, ExclusionReason.COMPLAINT):
        if row.note == f"complaint {event.ticket_id}" and row.author == taking.author.name:
            exclusions.end(taking.session, row, taking.author.name, taking.now)
            ended += 1
    return f"{ended} holds ended"


def _holds(taking: Taking, reason: ExclusionReason) -> list[Exclusion]:
    rows = exclusions.list_in_force(taking.session, taking.today, taking.event.customer_id)
    return [row for row in rows if row.kind is ExclusionKind.HOLD and row.reason is reason]


def _contract(taking: Taking) -> str:
    event: kinds.ContractChanged = taking.event
    row: dict[str, Decimal | bool | None] = {
        "monthly_fee": event.monthly_fee, "prepaid": event.billing == "prepaid",
    }  # fmt: skip
    found = offers.confirm(taking.session, {event.customer_id: row}, taking.today)
    return f"{len(found)} accepted offers confirmed"


def _address(taking: Taking) -> str:
    return _hold(taking, ExclusionReason.ADDRESS_CHANGED, taking.today + taking.hold,
                 "another address, until a night has read it")  # fmt: skip


def _call(taking: Taking) -> str:
    event: kinds.CallHeld = taking.event
    call = taking.session.scalars(
        select(Action)
        .where(
            Action.customer_id == event.customer_id,
            Action.kind == ActionKind.CALL,
            Action.state == ActionState.PENDING_APPROVAL,
        )
        .order_by(Action.due_on, Action.id)
    ).first()
    if call is None:
        return "no call is open"
    reached = "reached" if event.reached else "not reached"
    told = f"{event.occurred_at:%Y-%m-%d %H:%M}: {reached} {event.with_whom}. {event.note}".strip()
    note(taking.session, call, taking.author, told[:2000])
    return f"noted beside call {call.id[:8]}; its owner logs the outcome"


def _signed_for(taking: Taking) -> str:
    event: kinds.LetterSignedFor = taking.event
    letters = taking.session.scalars(
        select(Action)
        .where(
            Action.customer_id == event.customer_id,
            Action.kind == ActionKind.LETTER,
            Action.state == ActionState.APPROVED,
            Action.id.startswith(event.reference.lower()),
        )
        .options(joinedload(Action.case).selectinload(Case.events))
    ).all()
    if len(letters) != 1:
        return f"{len(letters)} approved letters have this reference: nothing is logged"
    try:
        outcome = completion.sign_for(
            taking.session, letters[0], taking.author, event.proof, event.delivered_on.isoformat()
        )
    except NotAllowedError as error:
        return f"not logged: {error.found}"
    return f"letter {letters[0].id[:8]}: {outcome}"


def _text(taking: Taking, state: MessageState, why: str) -> str:
    message = taking.session.get(Message, taking.event.message_id)
    if message is None:
        return "no text has this id"
    action = taking.session.get_one(Action, message.action_id)
    rendering = taking.session.get(Rendering, message.action_id)
    if action.customer_id != taking.event.customer_id or action.kind is not ActionKind.SMS:
        return "no text of this customer has this id"
    if state not in MESSAGE_MOVES[message.state]:
        return f"the text is {message.state} already"
    outbox.set_state(message, state)
    message.last_text = why or message.last_text
    if state is MessageState.BOUNCED_HARD and rendering is not None:
        dead_addresses.note(
            taking.session, rendering.recipient, action.customer_id, why or "no text arrives",
            taking.now, USUAL_DEAD_AT_ONCE,
        )  # fmt: skip
    return f"the text is {state}"


def _text_delivered(taking: Taking) -> str:
    return _text(taking, MessageState.DELIVERED, "")


def _text_failed(taking: Taking) -> str:
    event: kinds.TextFailed = taking.event
    return _text(taking, MessageState.BOUNCED_HARD, event.why)


def _text_stopped(taking: Taking) -> str:
    preferences.stop_texts(taking.session, taking.event.customer_id, taking.now)
    return "no more texts"


_EFFECTS: dict[str, Callable[[Taking], str]] = {
    "paid": _paid,
    "complaint_opened": _complaint,
    "complaint_closed": _complaint_closed,
    "contract_changed": _contract,
    "address_changed": _address,
    "call_held": _call,
    "letter_signed_for": _signed_for,
    "text_delivered": _text_delivered,
    "text_failed": _text_failed,
    "text_stopped": _text_stopped,
}
