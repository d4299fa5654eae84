"""The only writer of agreed calls: when a call will be, and the invitation for it."""

from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

from retention.actions.acknowledgements import confirm
from retention.db.models import Action, AgreedCall
from retention.domain.actions import ActionKind, ActionState
from retention.domain.people import refuse
from retention.messages.invitations import Appointment
from retention.messages.rendering import Plain
from retention.messages.sender import Sender
from retention.messages.terms import Terms
from retention.people.actor import Author
from retention.policies.load import Policies
from retention.snapshots.folders import Folders


def agree(
    session: Session,
    action: Action,
    author: Author,
    starts_at: datetime,
    policies: Policies,
    sender: Sender,
    folders: Folders,
) -> AgreedCall:
    """Write down when a call will be, and send the customer the invitation for their calendar.

    A later agreement moves the same appointment. Raises NotAllowedError for what is no open call,
    and for a time that is too soon or too far away.
    """
    _require_possible(action, author, starts_at, policies)
    call = _write(session, action, author, starts_at)
    action.due_on = max(action.due_on, starts_at.date())
    receipt: dict[str, Plain] = {"said": "call", "new_fee": None, "at": starts_at,
                                 "until": starts_at.date()}  # fmt: skip
    appointment = Appointment(action.id, starts_at, number=call.number)
    terms = Terms(more={"receipt": receipt}, appointment=appointment)
    made = confirm(session, action, author, policies, sender, folders, terms)
    if made is not None and made.message is not None:
        eve = starts_at.date() - timedelta(days=1)
        made.message.send_until = max(min(made.due_on, eve), author.on)
    author.tell(session, "call.agreed", action, at=call.starts_at.isoformat())
    return call


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


def _write(session: Session, action: Action, author: Author, starts_at: datetime) -> AgreedCall:
    call = session.get(AgreedCall, action.id)
    if call is None:
        call = AgreedCall(action_id=action.id, number=0)
        session.add(call)
    else:
        call.number += 1
    call.starts_at = starts_at.astimezone(UTC)
    call.agreed_by, call.agreed_at = author.name, author.now
    session.flush()
    return call
