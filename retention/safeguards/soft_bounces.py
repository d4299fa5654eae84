"""Addresses that fail for now, again and again: after so many in a row they count as dead."""

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from retention.db.models.work.actions import Rendering
from retention.db.models.work.messages import DeliveryAttempt, Message
from retention.domain.messages import AttemptStage, MessageState


def soft_in_a_row(session: Session, address: str, most: int) -> int:
    """Return how many of the newest messages to an address, up to `most`, did not get through.

    One counts that bounced softly, and one that failed because its recipient was refused.
    """
    refused = (
        select(DeliveryAttempt.number)
        .where(
            DeliveryAttempt.message_id == Message.id,
            DeliveryAttempt.number == Message.attempts,
            DeliveryAttempt.stage == int(AttemptStage.RCPT),
            DeliveryAttempt.code.is_not(None),
        )
        .exists()
    )
    rows = session.execute(
        select(Message.state, refused)
        .join(Rendering, Rendering.action_id == Message.action_id)
        .where(
            func.lower(Rendering.recipient) == address,
            or_(Message.sent_at.is_not(None), Message.state == MessageState.FAILED),
        )
        .order_by(func.coalesce(Message.sent_at, Message.not_before).desc())
        .limit(most)
    ).all()
    count = 0
    for state, was_refused in rows:
        failed = state is MessageState.FAILED and was_refused
        if state is not MessageState.BOUNCED_SOFT and not failed:
            break
        count += 1
    return count
