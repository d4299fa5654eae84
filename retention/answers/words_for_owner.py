"""A customer's words become the work of whoever looks after them, on top of their queue."""

from retention.answers.respondent import Respondent
from retention.db.canonical import sha256
from retention.db.models.customer_pages import Submission
from retention.db.models.incoming import Incoming
from retention.db.models.work.actions import Action
from retention.domain.incoming import IncomingKind
from retention.inbox.reply_tasks import PAGE, hand_to_owner


def hand_over(who: Respondent, said: Submission, text: str) -> Action:
    """Put words on record and hand them to the owner; the case waits until they are dealt with."""
    task = hand_to_owner(who.session, who.action, who.today, who.answer_by().date())
    task.snoozed_until = None
    who.session.add(
        Incoming(
            id=sha256(f"page:{said.id}:{said.said_at.isoformat()}"),
            kind=IncomingKind.REPLY,
            reason=f"{PAGE}{said.said}",
            received_at=who.now,
            read_at=who.now,
            message_id=who.action.message.id if who.action.message else None,
            customer_id=who.customer_id,
            action_id=task.id,
            sender=None,
            subject=None,
            text=text,
        )
    )
    who.session.flush()
    return task
