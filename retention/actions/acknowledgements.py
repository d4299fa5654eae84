"""Messages that answer a customer: a receipt, an agreed call, a partner who could take over."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from retention.actions import lifecycle as actions
from retention.actions import offers
from retention.actions.lifecycle import Work
from retention.db.models import Action
from retention.db.queries import actions as action_queries
from retention.domain.actions import (
    HANDOVER_STEP,
    OPEN_ACTION_STATES,
    RECEIPT_STEP,
    ActionKind,
    ActionState,
)
from retention.domain.cases import CaseState
from retention.domain.errors import TemplateError
from retention.domain.handovers import Partner
from retention.domain.offers import Answer
from retention.domain.people import Permission, Role, refuse
from retention.domain.playbook import Step
from retention.messages.invitations import Appointment
from retention.messages.rendering import Plain
from retention.messages.sender import Sender
from retention.messages.terms import Terms
from retention.people.actor import Actor, may
from retention.snapshots.customers import read_rows
from retention.snapshots.folders import Folders

_RECEIPT = Step(ActionKind.EMAIL, template="receipt")
_HANDOVER = Step(
    ActionKind.EMAIL,
    template="partner_handover",
    approval=(
        frozenset({Role.ACCOUNT_MANAGER, Role.DIRECTOR}),
        frozenset({Role.FINANCE, Role.DIRECTOR}),
    ),
)
_SOONEST, _LATEST = timedelta(hours=2), timedelta(days=120)


def record_answer(
    session: Session,
    action_id: str,
    actor: Actor,
    said: Answer,
    sender: Sender,
    folders: Folders,
    *,
    counter_fee: Decimal | None = None,
    note: str = "",
) -> Action:
    """Record what a customer has told us about an offer, and confirm it to them in writing.

    Raises what `offers.answer` raises. A customer to whom nothing can be written gets no receipt.
    """
    action = action_queries.get(session, action_id, lock=True)
    offer = offers.answer(session, action, actor, said, counter_fee=counter_fee, note=note)
    fee = counter_fee if said is Answer.COUNTER else offer.new_fee
    receipt: dict[str, Plain] = {"said": said.value, "new_fee": fee, "until": offer.expires_on}
    _confirm(session, action, actor, sender, folders, Terms(more={"receipt": receipt}))
    return action


def agree_on_call(
    session: Session,
    action_id: str,
    actor: Actor,
    starts_at: datetime,
    sender: Sender,
    folders: Folders,
) -> Action:
    """Write down when a call will be, and send the customer the invitation for their calendar.

    A later agreement moves the same appointment. Raises NotAllowedError for what is no open call,
    for an outsider, and for a time that is too soon or too far away.
    """
    action = action_queries.get(session, action_id, lock=True)
    subject = f"action {action.id[:8]}"
    if action.kind is not ActionKind.CALL or action.state is not ActionState.PENDING_APPROVAL:
        refuse(subject, f"is a {action.kind} that is {action.state}", "Choose an open call.")
    if not may(session, actor, Permission.REVIEW, action.owner):
        refuse(subject, f"'{actor.person.person_id}' may not agree on it", f"Ask {action.owner}.")
    if not actor.now + _SOONEST <= starts_at <= actor.now + _LATEST:
        refuse(
            subject, f"{starts_at:%Y-%m-%d %H:%M} is no time for it", "At least two hours ahead."
        )
    known = action.answers or {}
    number = int(known.get("agreed", "-1")) + 1
    moment = starts_at.astimezone(UTC).isoformat()
    action.answers = known | {"agreed": str(number), "agreed_at": moment}
    action.due_on = max(action.due_on, starts_at.date())
    receipt: dict[str, Plain] = {"said": "call", "new_fee": None, "at": starts_at,
                                 "until": starts_at.date()}  # fmt: skip
    agreed = Appointment(action.id, starts_at, number=number)
    made = _confirm(session, action, actor, sender, folders,
                    Terms(more={"receipt": receipt}, appointment=agreed))  # fmt: skip
    if made is not None and made.message is not None:
        made.message.send_until = min(made.due_on, starts_at.date() - timedelta(days=1))
        made.message.send_until = max(made.message.send_until, actor.on)
    actor.tell(session, "call.agreed", action, at=moment)
    return action


def propose_handover(
    session: Session, case_id: str, partner: Partner, actor: Actor, sender: Sender, folders: Folders
) -> Action | None:
    """Write the message that offers a partner; two people approve it before it leaves."""
    example = session.scalars(select(Action).where(Action.case_id == case_id).limit(1)).one()
    more: dict[str, dict[str, Plain]] = {
        "partner": {"name": partner.name, "email": partner.email, "phone": partner.phone}
    }
    return _write(session, example, actor, sender, folders, HANDOVER_STEP, _HANDOVER,
                  Terms(more=more))  # fmt: skip


def _confirm(
    session: Session, action: Action, actor: Actor, sender: Sender, folders: Folders, terms: Terms
) -> Action | None:
    _give_up_older(session, action)
    return _write(session, action, actor, sender, folders, RECEIPT_STEP, _RECEIPT, terms)


def _give_up_older(session: Session, action: Action) -> None:
    """A receipt that has not left yet is replaced by the newer one."""
    older = session.scalars(
        select(Action.id).where(
            Action.case_id == action.case_id,
            Action.step == RECEIPT_STEP,
            Action.state.in_(sorted(OPEN_ACTION_STATES)),
        )
    ).all()
    actions.give_up(session, actions.load(session, older), ActionState.SUPERSEDED)


def _write(
    session: Session,
    action: Action,
    actor: Actor,
    sender: Sender,
    folders: Folders,
    position: int,
    step: Step,
    terms: Terms,
) -> Action | None:
    case = action_queries.case_of(session, action)
    found = read_rows(folders.snapshots, folders.newest(), [action.customer_id])
    row = found.get(action.customer_id)
    if row is None or case.state is not CaseState.OPEN:
        return None
    work = Work(
        row=row,
        manager=actor.policies.team.get(action.owner),
        sender=sender,
        days_of=actor.policies.calendars.of_company(actor.on),
        as_of=actor.on,
        author=actor.person.person_id,
        at=actor.now,
    )
    number = 1 + _count_today(session, case.id, position, actor.on)
    try:
        return actions.propose(session, case, position, step, terms, work, number)
    except TemplateError:
        return None  # there is no address to write to; what was said is on record all the same


def _count_today(session: Session, case_id: str, position: int, on: date) -> int:
    query = select(func.count()).where(
        Action.case_id == case_id, Action.step == position, Action.proposed_on == on
    )
    return session.scalar(query) or 0
