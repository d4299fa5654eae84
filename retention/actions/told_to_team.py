"""What a customer has told a member of the team: who may write it down, then the same rules."""

from datetime import datetime
from decimal import Decimal

from sqlalchemy.orm import Session

from retention.actions import agreed_calls, customer_answers
from retention.db.models.work.actions import Action
from retention.db.queries import actions as action_queries
from retention.domain.offers import Answer
from retention.domain.people import Permission, refuse
from retention.messages.sender import Sender
from retention.people.actor import Actor, may
from retention.snapshots.folders import Folders


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

    Raises NotAllowedError for an outsider, and what `offers.answer` raises.
    """
    action = _of(session, action_id, actor, Permission.ANSWER, "answer it")
    customer_answers.record_answer(
        session, action, actor.author, said, actor.policies, sender, folders,
        counter_fee=counter_fee, note=note,
    )  # fmt: skip
    return action


def agree_on_call(
    session: Session,
    action_id: str,
    actor: Actor,
    starts_at: datetime,
    sender: Sender,
    folders: Folders,
) -> Action | None:
    """Write down when a call will be; return the invitation for the customer's calendar, if any.

    Raises NotAllowedError for an outsider, and what `agreed_calls.agree` raises.
    """
    action = _of(session, action_id, actor, Permission.REVIEW, "agree on it")
    return agreed_calls.agree(
        session, action, actor.author, starts_at, actor.policies, sender, folders
    )


def _of(
    session: Session, action_id: str, actor: Actor, permission: Permission, doing: str
) -> Action:
    action = action_queries.get(session, action_id, lock=True)
    if not may(session, actor, permission, action.owner):
        refuse(
            f"action {action.id[:8]}",
            f"'{actor.person.person_id}' may not {doing}",
            f"Ask {action.owner}.",
        )
    return action
