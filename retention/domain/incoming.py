"""What comes back: bounces, complaints, automatic answers, replies; and what follows from it."""

from enum import StrEnum

from retention.domain.messages import MessageState


class IncomingKind(StrEnum):
    """What a message that came in is."""

    HARD_BOUNCE = "hard_bounce"
    SOFT_BOUNCE = "soft_bounce"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    COMPLAINT = "complaint"
    OUT_OF_OFFICE = "out_of_office"
    AUTO_REPLY = "auto_reply"
    UNSUBSCRIBE = "unsubscribe"
    REPLY = "reply"
    OTHER = "other"


STATE_AFTER: dict[IncomingKind, MessageState] = {
    IncomingKind.HARD_BOUNCE: MessageState.BOUNCED_HARD,
    IncomingKind.SOFT_BOUNCE: MessageState.BOUNCED_SOFT,
    IncomingKind.DELIVERED: MessageState.DELIVERED,
    IncomingKind.COMPLAINT: MessageState.COMPLAINED,
}
"""The state that our message takes when this comes back; others leave it as it is."""

GONE = "the contact has gone"
NAMES = "; it names "
UNREAD = "it cannot be read"
"""What the reason of a reply begins with, when there is more to say than who wrote it."""
