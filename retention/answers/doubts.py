"""Was it a person? What a scanner may have sent waits until somebody has asked the customer."""

from datetime import datetime, timedelta

from retention.domain.conversations import Doubts
from retention.domain.customer_pages import Doubt


def doubt_of(
    rules: Doubts, sent_at: datetime | None, shown_at: datetime, now: datetime, *, many: bool
) -> Doubt | None:
    """Return why an answer may not be a person's, or None.

    `sent_at` is when its message left, `shown_at` when the form was made; `many` says that several
    links of one message were opened at once.
    """
    if many:
        return Doubt.MANY
    if sent_at is not None and timedelta() <= now - sent_at < rules.after_delivery:
        return Doubt.AT_ONCE
    if now - shown_at < rules.reading:
        return Doubt.TOO_FAST
    return None
