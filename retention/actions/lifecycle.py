"""The only writer of an action's state: change it, finish it, give it up."""

from collections.abc import Collection, Iterable
from datetime import UTC, date, datetime, time

from sqlalchemy import bindparam, case, select, update
from sqlalchemy.orm import Session, joinedload

from retention.actions import offers
from retention.cases.lifecycle import is_posted
from retention.db.models.work.actions import Action
from retention.db.models.work.cases import Case
from retention.db.models.work.messages import Message
from retention.db.seals import touch
from retention.domain.actions import ACTION_MOVES, OPEN_ACTION_STATES, ActionState
from retention.domain.cases import CaseState
from retention.domain.forms import REPLY
from retention.domain.messages import MessageState
from retention.domain.offers import OfferState, VoidReason
from retention.domain.transitions import require_move
from retention.messages import outbox
from retention.webhooks import outgoing
from retention.webhooks.outgoing import EventKind

_MANY = 500


def set_state(action: Action, target: ActionState) -> None:
    """Change an action's state. Raises MoveNotAllowedError."""
    require_move(ACTION_MOVES, action.state, target, subject=f"action {action.id}")
    action.state = target


def finish_sent(action: Action, on: date) -> None:
    """End an action whose message the server has taken; its offer may be answered from now on."""
    if action.state is ActionState.APPROVED:
        set_state(action, ActionState.DONE)
        offers.follow(action, OfferState.SENT)
    action.done_on = on


def finish_all_sent(session: Session, ids: Collection[str], on: date) -> None:
    """What `finish_sent` does, for many actions at once."""
    session.connection().execute(_FINISH, {"ids": list(ids), "on": on})
    touch(session, Action, ids)
    offers.follow_sent(session, ids)
    _tell_of_notices(session, ids, on)


def _tell_of_notices(session: Session, ids: Collection[str], on: date) -> None:
    """Other systems hear that a notice was served: its clock begins."""
    served = session.execute(
        select(Action.id, Action.customer_id, Action.effective_on).where(
            Action.id.in_(ids), Action.effective_on.is_not(None)
        )
    )
    at = datetime.combine(on, _NOON, UTC)
    for action_id, customer_id, effective_on in served:
        outgoing.tell(session, EventKind.NOTICE_SERVED, f"action {action_id}", customer_id, at,
                      effective_on=effective_on, served_on=on)  # fmt: skip


_NOON = time(12)
_FINISH = (
    update(Action)
    .where(Action.id.in_(bindparam("ids", expanding=True)))
    .values(
        state=case((Action.state == ActionState.APPROVED, ActionState.DONE), else_=Action.state),
        done_on=bindparam("on"),
    )
)


def drop_approved(session: Session, ids: Collection[str], target: ActionState) -> None:
    """Give up approved actions whose messages may not leave any more, and what they offer."""
    require_move(ACTION_MOVES, ActionState.APPROVED, target, subject="approved actions")
    session.execute(
        update(Action)
        .where(Action.id.in_(ids), Action.state == ActionState.APPROVED)
        .values(state=target)
        .execution_options(synchronize_session=False)
    )
    touch(session, Action, ids)
    offers.void_unsent(session, ids)


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
