"""Who has approved a message may withdraw that while nothing has left."""

from sqlalchemy.orm import Session

from retention.actions import offers
from retention.actions.lifecycle import set_state
from retention.db.models.work.actions import Action
from retention.db.queries import actions as action_queries
from retention.domain.actions import ActionState
from retention.domain.messages import MessageState
from retention.domain.offers import OfferState
from retention.domain.people import refuse
from retention.messages import outbox
from retention.messages.content_hash import content_of
from retention.people.actor import Actor


def take_back(session: Session, action_id: str, actor: Actor) -> Action:
    """Withdraw one's own approval while nothing has left; the action waits for a decision again.

    Raises NotAllowedError for who has not approved it, and for what has left or is leaving.
    """
    action = action_queries.get(session, action_id, lock=True)
    subject, who = f"action {action.id[:8]}", actor.person.person_id
    if action.state not in (ActionState.APPROVED, ActionState.PENDING_APPROVAL):
        refuse(subject, f"is {action.state}", "Only an approval that waits can be taken back.")
    own = [a for a in action.approvals
           if a.approved and a.withdrawn_at is None and a.person_id == who]  # fmt: skip
    if not own:
        refuse(
            subject, f"'{who}' has not approved it", "Whoever may approve it may also reject it."
        )
    tried = action.message is not None and action.message.attempts > 0
    if tried or not outbox.withdraw(session, action.message, MessageState.CANCELLED):
        refuse(subject, "its message has left or is leaving", "Talk to the customer.")
    for approval in own:
        approval.withdrawn_at = actor.now
    if action.state is ActionState.APPROVED:
        set_state(action, ActionState.PENDING_APPROVAL)
        offers.follow(action, OfferState.DRAFT)
    actor.tell(session, "action.taken_back", action, content=content_of(action))
    return action
