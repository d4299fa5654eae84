"""The only writer of actions: propose, change state, give up."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from retention.db.models import Action, Case
from retention.domain import keys
from retention.domain.actions import ACTION_MOVES, OPEN_ACTION_STATES, ActionKind, ActionState
from retention.domain.messages import MessageState
from retention.domain.notices import NoticePlan, notice_days, plan_notice
from retention.domain.offers import Offer, make_offer
from retention.domain.people import Person
from retention.domain.playbook import Playbook, Step
from retention.domain.transitions import require_move
from retention.services import outbox
from retention.services.cases import NIGHT
from retention.services.composing import Sender, Terms, compose, written_at


def set_state(action: Action, target: ActionState) -> None:
    """Change an action's state. Raises MoveNotAllowedError."""
    require_move(ACTION_MOVES, action.state, target, subject=f"action {action.id}")
    action.state = target


def terms_of(
    playbook: Playbook, step: Step, row: dict[str, Any], notice_rules: dict[str, int], as_of: date
) -> Terms | None:
    """Return what the step offers or announces; None when the data does not allow to say it."""
    offer: Offer | None = None
    notice: NoticePlan | None = None
    if step.offer is not None:
        terms = playbook.offers[step.offer]
        offer = make_offer(terms, row["monthly_fee"], row["net_profit_12m"], as_of)
        if offer is None:
            return None
    if step.notice:
        days = notice_days(row["notice_days"], row["kind"], notice_rules)
        notice = plan_notice(step.due.after(as_of), days)
    return Terms(offer, notice)


def propose(
    session: Session,
    case: Case,
    position: int,
    step: Step,
    terms: Terms,
    row: dict[str, Any],
    manager: Person,
    sender: Sender,
    as_of: date,
) -> Action:
    """Write the action of a step; an e-mail is composed now, byte for byte.

    Without approvers an e-mail goes straight to the outbox; everything else waits for a person.
    """
    action = Action(
        id=keys.action_id(case.id, case.stage, position, as_of),
        case_id=case.id,
        customer_id=case.customer_id,
        stage=case.stage,
        step=position,
        kind=step.action,
        template=step.template,
        form=step.form,
        state=ActionState.PROPOSED,
        owner=manager.person_id,
        required_roles=[str(role) for role in step.approval],
        proposed_by=NIGHT,
        proposed_on=as_of,
        due_on=step.due.after(as_of),
        effective_on=terms.notice.effective_on if terms.notice else None,
        current_fee=terms.offer.current_fee if terms.offer else None,
        new_fee=terms.offer.new_fee if terms.offer else None,
        approvals=[],
        message=None,
    )
    session.add(action)
    case.actions.append(action)
    if step.action is ActionKind.EMAIL:
        action.rendering = compose(action, row, manager, sender, terms)
    session.flush()
    if step.action is ActionKind.EMAIL and not step.approval:
        set_state(action, ActionState.APPROVED)
        outbox.enqueue(session, action, written_at(as_of, sender.timezone))
    else:
        set_state(action, ActionState.PENDING_APPROVAL)
    return action


def give_up(session: Session, case: Case, target: ActionState) -> int:
    """Give up every action of a case that still waits, with its message. Returns how many."""
    return _give_up(session, case.actions, target, MessageState.CANCELLED)


def withdraw_emails(session: Session, case: Case) -> int:
    """Take back the e-mails of a case that have not left: what they rest on no longer holds."""
    emails = [action for action in case.actions if action.kind is ActionKind.EMAIL]
    return _give_up(session, emails, ActionState.SUPERSEDED, MessageState.CANCELLED)


def expire_overdue(session: Session, case: Case, today: date) -> int:
    """Expire actions that nobody decided in time, and those whose message was too late or failed.

    A message whose fate is unknown keeps its action: a person has to settle it.
    """
    late = [action for action in case.actions if action.due_on < today]
    return _give_up(session, late, ActionState.EXPIRED, MessageState.EXPIRED)


def _give_up(
    session: Session, actions: Iterable[Action], target: ActionState, fate: MessageState
) -> int:
    """People and deliveries work while a night decides: look again, locked, before giving up."""
    count = 0
    for action in actions:
        if action.state not in OPEN_ACTION_STATES:
            continue
        session.refresh(action, ["state"], with_for_update=True)
        session.refresh(action, ["message"])
        if action.state not in OPEN_ACTION_STATES:
            continue
        if outbox.withdraw(session, action.message, fate):
            set_state(action, target)
            count += 1
    return count
