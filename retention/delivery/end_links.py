"""End the links of a message that came into wrong hands."""

from sqlalchemy.orm import Session

from retention.db.queries import messages
from retention.db.recording import Entry, record
from retention.domain.people import Permission, require, require_reason
from retention.messages import customer_links
from retention.people.actor import Actor


def end_links(session: Session, message_id: str, actor: Actor, *, reason: str) -> int:
    """End every link of a message; return how many worked until now.

    Raises NotFoundError, or NotAllowedError for who may not, or says no reason.
    """
    message, action = messages.get(session, message_id)
    subject = f"message {message.id}"
    require(actor.person, Permission.HOLD, subject=subject, owner=action.owner)
    said = require_reason(subject, reason)
    ended = customer_links.revoke(session, action.id, actor.now)
    document = {"by": actor.person.person_id, "reason": said, "links": ended}
    record(session, Entry(actor.now, "message.links_ended", subject, document, action.customer_id))
    return ended
