"""What a customer wrote becomes a task of the one who looks after them; their case waits for it."""

from datetime import date, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from retention.actions.lifecycle import set_state
from retention.db.models import Action, Incoming
from retention.domain import keys
from retention.domain.actions import (
    OPEN_ACTION_STATES,
    REPLY_STEP,
    ActionKind,
    ActionState,
)
from retention.domain.dates import date_in
from retention.domain.forms import REPLY

_ANSWER_WITHIN = timedelta(days=3)


def hand_to_owner(session: Session, answered: Action, now: datetime, timezone: str) -> Action:
    """Return the task to deal with a reply; a second reply joins the task that is open already."""
    open_one = session.scalars(
        select(Action)
        .where(
            Action.case_id == answered.case_id,
            Action.form == REPLY,
            Action.state.in_(sorted(OPEN_ACTION_STATES)),
        )
        .options(joinedload(Action.case))
    ).first()
    return open_one or _task(session, answered, date_in(now, timezone))


def _task(session: Session, answered: Action, on: date) -> Action:
    same_day = select(func.count()).where(
        Action.case_id == answered.case_id, Action.form == REPLY, Action.proposed_on == on
    )
    number = 1 + (session.scalar(same_day) or 0)
    case = answered.case
    task = Action(
        id=keys.action_id(case.id, case.stage, REPLY_STEP, on, number),
        case_id=case.id,
        customer_id=answered.customer_id,
        stage=case.stage,
        step=REPLY_STEP,
        kind=ActionKind.REVIEW,
        form=REPLY,
        state=ActionState.PROPOSED,
        owner=answered.owner,
        required_roles=[],
        proposed_by="inbox",
        proposed_on=on,
        due_on=on + _ANSWER_WITHIN,
        approvals=[],
        message=None,
        offer=None,
    )
    set_state(task, ActionState.PENDING_APPROVAL)
    session.add(task)
    session.flush()
    return task


def said_in(session: Session, task_id: str) -> list[Incoming]:
    """Return what the customer wrote, oldest first."""
    query = select(Incoming).where(Incoming.action_id == task_id).order_by(Incoming.received_at)
    return list(session.scalars(query))
