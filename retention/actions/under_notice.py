"""Which actions belong to a case whose customer holds a notice of ours."""

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased, joinedload

from retention.cases.lifecycle import is_running_notice
from retention.db.models.work.actions import Action


def under_notice(session: Session, action_ids: Collection[str]) -> set[str]:
    """Return those actions before which another one of their case has given notice."""
    asked = aliased(Action)
    notices = session.execute(
        select(asked.id, Action)
        .join(Action, Action.case_id == asked.case_id)
        .where(
            asked.id.in_(action_ids),
            Action.id != asked.id,
            Action.effective_on.is_not(None),
            Action.voided_on.is_(None),
        )
        .options(joinedload(Action.message))
    )
    return {action_id for action_id, notice in notices if is_running_notice(notice)}
