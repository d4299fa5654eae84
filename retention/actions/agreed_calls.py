"""The only writer of agreed calls: when a call will be, its invitation, that it is called off."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from retention.actions.acknowledgements import confirm
from retention.actions.assignment import note
from retention.actions.leaving_times import openings
from retention.db.models.work.actions import Action, AgreedCall
from retention.db.models.work.messages import Message
from retention.domain.actions import OPEN_ACTION_STATES, ActionKind, ActionState, Purpose
from retention.domain.forms import TALKED
from retention.domain.messages import MessageState
from retention.domain.people import refuse
from retention.messages.invitations import Appointment
from retention.messages.locale import place_of, zone_of
from retention.messages.rendering import Plain
from retention.messages.sender import Sender
from retention.messages.terms import Terms
from retention.people.actor import Author
from retention.policies.load import Policies
from retention.snapshots.customers import read_rows
from retention.snapshots.folders import Folders

INVITATION, CALLED_OFF = "call_agreed", "call_cancelled"
_NEVER_LEFT = frozenset({MessageState.CANCELLED, MessageState.EXPIRED, MessageState.FAILED})


def agree(
    session: Session,
    action: Action,
    author: Author,
    starts_at: datetime,
    policies: Policies,
    sender: Sender,
    folders: Folders,
    phone: str = "",
) -> Action | None:
    """Write down when a call will be; return the invitation for the customer's calendar.

    `phone` is the number that they have given for it. A later agreement moves the same
    appointment. None when there is no way to write to them. Raises
    NotAllowedError for what is no open call, and for a time that is too soon, too far away, or
    outside the customer's hours.
    """
    _require_possible(action, author, starts_at, policies)
    _require_hours(action, starts_at, policies, sender, folders)
    call = _write(session, action, author, starts_at)
    action.due_on = max(action.due_on, starts_at.date())
    appointment = Appointment(action.id, starts_at, number=call.number)
    made = _tell(session, action, author, INVITATION, appointment, policies, sender, folders, phone)
    if made is not None and made.message is not None:
        eve = starts_at.date() - timedelta(days=1)
        made.message.send_until = max(min(made.due_on, eve), author.on)
    author.tell(session, "call.agreed", action, at=call.starts_at.isoformat())
    return made


def _tell(
    session: Session,
    action: Action,
    author: Author,
    template: str,
    appointment: Appointment,
    policies: Policies,
    sender: Sender,
    folders: Folders,
    phone: str = "",
) -> Action | None:
    at = appointment.starts_at
    said: dict[str, Plain] = {
        "said": "call", "new_fee": None, "at": at, "until": at.date(), "phone": phone
    }  # fmt: skip
    terms = Terms(more={"receipt": said}, appointment=appointment)
    return confirm(session, action, author, policies, sender, folders, terms, template)


def call_off_moot(
    session: Session, now: datetime, policies: Policies, sender: Sender, folders: Folders
) -> int:
    """Call off what was agreed for calls that nobody will make; return how many that were.

    Who was never invited hears nothing, nor who was called a little before the time.
    """
    moot = session.execute(
        select(AgreedCall, Action)
        .join(Action, Action.id == AgreedCall.action_id)
        .where(
            AgreedCall.cancelled_at.is_(None),
            AgreedCall.starts_at > now,
            Action.state.not_in(sorted(OPEN_ACTION_STATES)),
        )
        .options(joinedload(Action.case))
        .order_by(AgreedCall.action_id)
    ).all()
    zone = ZoneInfo(sender.timezone)
    for call, action in moot:
        call.cancelled_at = now
        author = Author("delivery", now, now.astimezone(zone).date())
        author.tell(session, "call.cancelled", action, at=call.starts_at.isoformat())
        soon = call.starts_at - now <= policies.conversations.calls.soonest
        if soon and action.outcome == TALKED:  # they are on the telephone, or have just been
            continue
        if _was_invited(session, action):
            call.number += 1
            at = call.starts_at.astimezone(zone)
            taken_back = Appointment(action.id, at, number=call.number, is_cancelled=True)
            _tell(session, action, author, CALLED_OFF, taken_back, policies, sender, folders)
    return len(moot)


def _was_invited(session: Session, action: Action) -> bool:
    left = select(Message.id).join(Action, Action.id == Message.action_id).where(
        Action.case_id == action.case_id,
        Action.purpose == Purpose.RECEIPT,
        Action.template == INVITATION,
        Message.state.not_in(sorted(_NEVER_LEFT)),
    )  # fmt: skip
    return session.scalar(left.limit(1)) is not None


def ask_anew(
    session: Session, case_id: str, call_id: str, said: str, now: datetime, due_on: date
) -> Action | None:
    """Tell who agreed on a call that its time does not suit; return the call, if it is still open.

    It is due like an answer, on `due_on` at the latest, and keeps nothing else waiting. An id that
    is none of the case's calls stands for the newest that was agreed.
    """
    calls = session.execute(
        select(Action, AgreedCall)
        .join(AgreedCall, AgreedCall.action_id == Action.id)
        .where(Action.case_id == case_id, Action.state == ActionState.PENDING_APPROVAL)
        .order_by(AgreedCall.agreed_at.desc())
        .with_for_update(of=Action)
    ).all()
    if not calls:
        return None
    named = [pair for pair in calls if pair[0].id == call_id]
    action, call = (named or calls)[0]
    action.due_on, action.snoozed_until = min(action.due_on, due_on), None
    text = f"For {call.agreed_by}: {said}. Agree on another time."
    note(session, action, Author("inbox", now, now.date()), text)
    return action


def _require_possible(
    action: Action, author: Author, starts_at: datetime, policies: Policies
) -> None:
    subject = f"action {action.id[:8]}"
    if action.kind is not ActionKind.CALL or action.state is not ActionState.PENDING_APPROVAL:
        refuse(subject, f"is a {action.kind} that is {action.state}", "Choose an open call.")
    calls = policies.conversations.calls
    if not author.now + calls.soonest <= starts_at <= author.now + calls.latest:
        hours, days = calls.soonest.total_seconds() / 3600, calls.latest.days
        refuse(
            subject,
            f"{starts_at:%Y-%m-%d %H:%M} is no time for it",
            f"At least {hours:g} hours ahead, and at most {days} days.",
        )


def _require_hours(
    action: Action, starts_at: datetime, policies: Policies, sender: Sender, folders: Folders
) -> None:
    """Nobody is called at night, on their weekend, or on a public holiday of theirs."""
    row = read_rows(folders.snapshots, folders.newest(), [action.customer_id]).get(
        action.customer_id, {}
    )
    opening = openings(policies.calendars, policies.sending.hours, sender.timezone)
    opens_at = opening(starts_at, zone_of(row), place_of(row))
    if opens_at > starts_at:
        refuse(
            f"action {action.id[:8]}",
            f"{starts_at:%Y-%m-%d %H:%M} is outside the customer's hours",
            f"Their next hour is {opens_at:%Y-%m-%d %H:%M %Z}.",
        )


def _write(session: Session, action: Action, author: Author, starts_at: datetime) -> AgreedCall:
    call = session.get(AgreedCall, action.id)
    if call is None:
        call = AgreedCall(action_id=action.id, number=0)
        session.add(call)
    else:
        call.number += 1
    call.starts_at = starts_at.astimezone(UTC)
    call.agreed_by, call.agreed_at = author.name, author.now
    call.cancelled_at = None
    session.flush()
    return call
