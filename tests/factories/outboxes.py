"""Messages on their way out: propose, approve, deliver, and look at what became of them."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from retention.actions import approval as approvals
from retention.actions import proposing
from retention.actions.step_terms import terms_of
from retention.bootstrap import Application
from retention.cases import lifecycle as cases
from retention.clock import travel
from retention.db.models.work.actions import Action, Rendering
from retention.db.models.work.cases import Case
from retention.db.models.work.messages import Message
from retention.db.queries import actions as queries
from retention.db.session import reading, writing
from retention.domain.actions import ActionState
from retention.domain.approving import ReasonCode
from retention.domain.dates import WEEKDAYS
from retention.domain.messages import MessageState
from retention.domain.stages import Stage
from retention.messages.terms import Terms
from retention.snapshots.customers import read_rows
from tasks.delivery import deliver_due
from tests.conftest import NIGHT
from tests.factories.nights import actor_of, morning_after

# Working hours from Mexico to Spain, and a working day everywhere: Ireland rests on 1 June 2026.
AFTERNOON = morning_after(NIGHT) + timedelta(days=1, hours=9)


def deliver(limit: int = 1000, now: datetime = AFTERNOON) -> dict[str, int]:
    with travel(now):
        found = deliver_due.fn(limit)
    return found.states


def one_proposal(shop: Application, stage: Stage, position: int | None = None) -> str:
    """Bring one case to `stage` and let a night propose its message; return the action's id."""
    with writing(shop.engine) as session:
        found = session.scalars(
            select(Case)
            .where(Case.stage == Stage.EDUCATE)
            .options(joinedload(Case.events), joinedload(Case.actions))
            .order_by(Case.id)
        )
        educated = list(found.unique())
        rows = read_rows(shop.folders.snapshots, NIGHT, [case.customer_id for case in educated])
        owing = [case for case in educated if _owes_and_is_reachable(rows[case.customer_id])]
        case = owing[0]
        for action in case.actions:
            if action.state is ActionState.APPROVED:
                session.get_one(Action, action.id).state = ActionState.DONE
        book = shop.policies.playbooks[case.playbook]
        cases.enter_stage(case, stage, NIGHT, reason="test")
        if position is None:
            position = next(n for n, s in enumerate(book.rule(stage).steps) if s.template)
        step = book.rule(stage).steps[position]
        row = rows[case.customer_id]
        terms = terms_of(book, step, row, shop.policies, NIGHT)
        assert isinstance(terms, Terms)
        manager = shop.policies.team.account_manager_of(row["account_manager"])
        work = proposing.Work(row, manager, shop.sender, WEEKDAYS, NIGHT)
        made = proposing.propose(session, case, position, step, terms, work)
        return made.id


def _owes_and_is_reachable(row: dict[str, Any]) -> bool:
    return bool(row["has_email"] and row["open_amount"])


def without_date(raw: bytes) -> bytes:
    """A message as it was approved: that day nobody knew when it would leave."""
    date, rest = raw.split(b"\r\n", 1)
    assert date.startswith(b"Date: ")
    return rest


def has_left(accepted: list[bytes], rendering: Rendering) -> bool:
    return any(rendering.message_id.encode() in raw for raw in accepted)


def message_of(shop: Application, action_id: str) -> Message:
    with reading(shop.engine) as session:
        return session.scalars(select(Message).where(Message.action_id == action_id)).one()


def state_of(shop: Application, action_id: str) -> ActionState:
    with reading(shop.engine) as session:
        return session.get_one(Action, action_id).state


def approve(shop: Application, action_id: str, person: str) -> None:
    """Look at a message and approve it."""
    with writing(shop.engine) as session:
        actor = actor_of(shop, person, NIGHT)
        approvals.note_viewing(session, queries.get(session, action_id), actor)
        approvals.approve(session, action_id, actor)


def reject(shop: Application, action_id: str, person: str, reason: str) -> None:
    with writing(shop.engine) as session:
        actor = actor_of(shop, person, NIGHT)
        approvals.reject(session, action_id, actor, code=ReasonCode.IN_CONTACT, reason=reason)


def owner(shop: Application, action_id: str) -> str:
    with reading(shop.engine) as session:
        return session.get_one(Action, action_id).owner


def state_of_message(shop: Application, message_id: str) -> MessageState:
    with reading(shop.engine) as session:
        return session.get_one(Message, message_id).state
