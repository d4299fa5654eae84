"""What a customer wrote becomes a task of the one who looks after them; their case waits for it."""

from datetime import date

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from retention.actions import proposing
from retention.actions.lifecycle import set_state
from retention.db.models import Action, Incoming
from retention.domain.actions import (
    OPEN_ACTION_STATES,
    ActionKind,
    ActionState,
    Purpose,
)
from retention.domain.forms import REPLY


def hand_to_owner(session: Session, answered: Action, on: date, due_on: date) -> Action:
    """Return the task to deal with a reply of a day; one that is open already takes it in too."""
    open_one = session.scalars(
        select(Action)
        .where(
            Action.case_id == answered.case_id,
            Action.form == REPLY,
            Action.state.in_(sorted(OPEN_ACTION_STATES)),
        )
        .options(joinedload(Action.case))
    ).first()
    return open_one or _task(session, answered, on, due_on)


def _task(session: Session, answered: Action, on: date, due_on: date) -> Action:
    same_day = select(func.count()).where(
        Action.case_id == answered.case_id, Action.form == REPLY, Action.proposed_on == on
    )
    number = 1 + (session.scalar(same_day) or 0)
    task = proposing.new(
        answered.case,
        Purpose.REPLY,
        number,
        kind=ActionKind.REVIEW,
        form=REPLY,
        owner=answered.owner,
        required_roles=[],
        proposed_by="inbox",
        proposed_on=on,
        due_on=due_on,
    )
    set_state(task, ActionState.PENDING_APPROVAL)
    session.add(task)
    session.flush()
    return task


def said_in(session: Session, task_id: str) -> list[Incoming]:
    """Return what the customer wrote, oldest first."""
    query = select(Incoming).where(Incoming.action_id == task_id).order_by(Incoming.received_at)
    return list(session.scalars(query))
