"""What we ask about actions and their approvals."""

from collections.abc import Sequence
from datetime import date

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, joinedload, selectinload

from retention.db.models.work.actions import Action, Rendering
from retention.db.models.work.cases import Case
from retention.db.queries.by_id import SHORTEST, named, only
from retention.domain.actions import OPEN_ACTION_STATES, ActionState
from retention.domain.stages import Stage

_MANY = 500


def get(session: Session, action_id: str, *, lock: bool = False) -> Action:
    """Return one action with everything a decision needs. A unique prefix of the id is enough.

    `lock` makes others wait until this transaction ends. Raises NotFoundError when nothing, or more
    than one action, fits.
    """
    if lock and len(action_id) >= SHORTEST:
        session.execute(select(Action.id).where(named((Action.id,), action_id)).with_for_update())
    query = (
        select(Action)
        .options(
            joinedload(Action.case).selectinload(Case.events),
            joinedload(Action.rendering),
            joinedload(Action.receipt),
            joinedload(Action.message),
            joinedload(Action.offer),
            joinedload(Action.agreed_call),
            selectinload(Action.comments),
            selectinload(Action.approvals),
        )
        .execution_options(populate_existing=lock)
    )
    ids = (Action.id,)
    return only(session, query, action_id, ids, what="action", listed="retention queue list")


def of_case(session: Session, case_id: str) -> Sequence[Action]:
    """Return the actions of a case with their offers, oldest first."""
    query = select(Action).where(Action.case_id == case_id).options(joinedload(Action.offer))
    return session.scalars(query.order_by(Action.proposed_on, Action.id)).all()


def case_of(session: Session, action: Action) -> Case:
    """Return the case of an action with everything that giving it up needs."""
    return session.scalars(
        select(Case)
        .where(Case.id == action.case_id)
        .options(selectinload(Case.events))
        .options(selectinload(Case.actions).joinedload(Action.message))
        .options(selectinload(Case.actions).joinedload(Action.offer))
        .execution_options(populate_existing=True)
    ).one()


def list_waiting(
    session: Session,
    *,
    state: ActionState | None,
    stage: Stage | None,
    owner: str | None,
    limit: int,
    awake_on: date | None = None,
) -> Sequence[Action]:
    """Return open actions (or those in `state`) for a list, most urgent first.

    With `awake_on` those that sleep beyond that day are left out. Of messages there is the subject;
    only of what somebody has approved is everything there, to tell whether the approval counts.
    """
    states = [state] if state else sorted(OPEN_ACTION_STATES)
    query = select(Action).where(Action.state.in_(states))
    if stage is not None:
        query = query.where(Action.stage == stage)
    if owner is not None:
        query = query.where(Action.owner == owner)
    if awake_on is not None:
        query = query.where(or_(Action.snoozed_until.is_(None), Action.snoozed_until <= awake_on))
    found = session.scalars(
        query.options(joinedload(Action.rendering).load_only(Rendering.subject))
        .options(joinedload(Action.case), joinedload(Action.offer))
        .options(selectinload(Action.approvals))
        .order_by(Action.due_on, Action.id)
        .limit(limit)
    ).all()
    approved = [action.id for action in found if action.approvals]
    for start in range(0, len(approved), _MANY):
        whole = select(Rendering).where(Rendering.action_id.in_(approved[start : start + _MANY]))
        session.scalars(whole.execution_options(populate_existing=True)).all()
    return found


def customers_waiting(session: Session) -> Sequence[str]:
    """Return whose actions are open: a list of work names them."""
    query = select(Action.customer_id).where(Action.state.in_(sorted(OPEN_ACTION_STATES)))
    return session.scalars(query.distinct()).all()
