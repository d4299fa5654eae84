"""A decision that nobody takes goes to a director."""

from datetime import date, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from retention.actions.approval import editors_of
from retention.db.models.work.actions import Action
from retention.db.models.work.cases import Case
from retention.db.seals import touch
from retention.domain.actions import ActionState
from retention.domain.cases import CaseState
from retention.policies.load import Policies


def escalate_written(action: Action, today: date) -> None:
    """Let a director decide what its owner has written: nobody approves their own words."""
    if action.escalated_on is None and action.owner in editors_of(action) | {action.proposed_by}:
        action.escalated_on = today


def escalate_overdue(session: Session, policies: Policies, today: date) -> int:
    """Let a director decide what has waited for too long; return how many actions that is."""
    days_of = policies.calendars.of_company(today)
    newest = today
    while policies.approvals.escalate_after.after(newest, days_of) >= today:
        newest -= timedelta(days=1)
    of_open_cases = select(Case.id).where(Case.state == CaseState.OPEN).scalar_subquery()
    late = session.scalars(
        update(Action)
        .where(
            Action.state == ActionState.PENDING_APPROVAL,
            Action.escalated_on.is_(None),
            Action.proposed_on <= newest,
            Action.case_id.in_(of_open_cases),
        )
        .values(escalated_on=today)
        .returning(Action.id)
        .execution_options(synchronize_session=False)
    ).all()
    touch(session, Action, late)
    return len(late)
