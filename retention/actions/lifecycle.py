"""The only writer of actions: propose, change state, give up."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from retention.actions import offers
from retention.cases.lifecycle import NIGHT, is_posted
from retention.db.chain import canonical
from retention.db.models import Action, Case, Message
from retention.domain import keys
from retention.domain.actions import ACTION_MOVES, OPEN_ACTION_STATES, ActionKind, ActionState
from retention.domain.approving import slot_text
from retention.domain.cases import CaseState
from retention.domain.dates import Calendar
from retention.domain.forms import REPLY
from retention.domain.messages import MessageState
from retention.domain.notices import Proof
from retention.domain.offers import OfferState, VoidReason
from retention.domain.people import Person
from retention.domain.playbook import Step
from retention.domain.scores import BY_NAME
from retention.domain.transitions import require_move
from retention.messages import outbox
from retention.messages.compose import compose, written_at
from retention.messages.sender import Sender
from retention.messages.terms import Terms

_MANY = 500


@dataclass(frozen=True, slots=True)
class Work:
    """What a new action needs besides its case: who looks after it, who sends, which workdays.

    `at` is set for what is written by day: it may leave at once.
    """

    row: dict[str, Any]
    manager: Person
    sender: Sender
    days_of: Calendar
    as_of: date
    author: str = NIGHT
    at: datetime | None = None


def set_state(action: Action, target: ActionState) -> None:
    """Change an action's state. Raises MoveNotAllowedError."""
    require_move(ACTION_MOVES, action.state, target, subject=f"action {action.id}")
    action.state = target


def propose(
    session: Session,
    case: Case,
    position: int,
    step: Step,
    terms: Terms,
    work: Work,
    number: int = 1,
) -> Action:
    """Write the action of a step; a message is composed now, byte for byte.

    `number` tells versions apart that are written on the same day.

    Without approvers an e-mail goes straight to the outbox; everything else waits for a person. A
    notice that needs a proof of receipt becomes a letter. Raises TemplateError.
    """
    kind = step.action
    notice = terms.notice if step.notice else None
    if notice is not None and notice.proof is Proof.RECEIPT:
        kind = ActionKind.LETTER
    action = Action(
        id=keys.action_id(case.id, case.stage, position, work.as_of, number),
        case_id=case.id,
        customer_id=case.customer_id,
        stage=case.stage,
        step=position,
        kind=kind,
        template=step.template,
        form="letter" if kind is ActionKind.LETTER else step.form,
        state=ActionState.PROPOSED,
        owner=work.manager.person_id,
        required_roles=[slot_text(slot) for slot in step.approval],
        proposed_by=work.author,
        proposed_on=work.as_of,
        due_on=step.due.after(work.as_of, work.days_of),
        effective_on=notice.effective_on if notice else None,
        proof=str(notice.proof) if notice else None,
        snapshot_hash=_hash_of(work.row),
        batch=f"{work.as_of}:{case.playbook}:{case.stage}:{step.template or kind}",
        approvals=[],
        message=None,
        offer=None,
    )
    if step.template is not None:
        action.rendering = compose(action, work.row, work.manager, work.sender, terms, work.at)
    session.add(action)
    case.actions.append(action)
    if terms.offer is not None:
        session.flush()
        offers.draft(session, action, terms.offer, work.sender.currency)
    if kind is ActionKind.EMAIL and not step.approval:
        set_state(action, ActionState.APPROVED)
        offers.follow(action, OfferState.APPROVED)
        at = work.at or written_at(work.as_of, work.sender.timezone)
        outbox.enqueue(session, action, at)
    else:
        set_state(action, ActionState.PENDING_APPROVAL)
    return action


def _hash_of(row: dict[str, Any]) -> str:
    """Return the hash of the scores that a proposal rests on."""
    return hashlib.sha256(canonical({name: row.get(name) for name in BY_NAME}).encode()).hexdigest()


def give_up(session: Session, actions: Iterable[Action], target: ActionState) -> int:
    """Give up every one of `actions` that still waits, with its message. Returns how many."""
    late = target is ActionState.EXPIRED
    fate = MessageState.EXPIRED if late else MessageState.CANCELLED
    return sum(_give_up(session, action, target, fate) for action in actions)


def expire_overdue(session: Session, today: date) -> int:
    """Expire actions that nobody decided in time, and those whose message was too late or failed.

    A message whose fate is unknown keeps its action: a person has to settle it. What a customer
    wrote, and a call that we owe, stay until somebody has dealt with them.
    """
    late = select(Action.id).join(Case).where(
        Case.state == CaseState.OPEN,
        Action.state.in_(sorted(OPEN_ACTION_STATES)),
        Action.due_on < today,
        Action.form.is_distinct_from("retract_notice"),
        Action.form.is_distinct_from(REPLY),
    )  # fmt: skip
    return give_up(session, load(session, session.scalars(late).all()), ActionState.EXPIRED)


def load(session: Session, action_ids: Iterable[str]) -> list[Action]:
    """Return actions by id with their messages and offers, in a stable order."""
    wanted = sorted(action_ids)
    found: list[Action] = []
    for start in range(0, len(wanted), _MANY):
        found += session.scalars(
            select(Action)
            .where(Action.id.in_(wanted[start : start + _MANY]))
            .options(joinedload(Action.message), joinedload(Action.offer))
            .order_by(Action.id)
        ).all()
    return found


def _give_up(session: Session, action: Action, target: ActionState, fate: MessageState) -> bool:
    """People and deliveries work while a night decides: look again, locked, before giving up.

    An approved letter may be in the post: only its owner knows what became of it.
    """
    if action.state not in OPEN_ACTION_STATES:
        return False
    session.refresh(action, ["state"], with_for_update=True)
    session.refresh(action, ["message"])
    if action.state not in OPEN_ACTION_STATES or is_posted(action):
        return False
    message: Message | None = action.message
    if not outbox.withdraw(session, message, fate):
        return False
    set_state(action, target)
    offers.void(action, VoidReason.NOT_SENT)
    return True
