"""The only writer of events for other systems: what has happened, once, without personal data.

They are ids, dates and amounts: who gets them knows the customer by their own records.
"""

from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import update
from sqlalchemy.orm import Session

from retention.db.canonical import plain, sha256
from retention.db.models.customer_pages import WebhookEvent


class EventKind(StrEnum):
    """What other systems may hear of."""

    OFFER_ACCEPTED = "offer.accepted"
    OFFER_DECLINED = "offer.declined"
    OFFER_COUNTERED = "offer.countered"
    NOTICE_SERVED = "notice.served"
    NOTICE_VOIDED = "notice.voided"
    NOTICE_CONTESTED = "notice.contested"
    OPTED_OUT = "customer.opted_out"
    PLAN_AGREED = "plan.agreed"
    PLAN_ENDED = "plan.ended"
    CASE_CLOSED = "case.closed"


_NO_GRACE = timedelta()


def tell(
    session: Session,
    kind: EventKind,
    subject: str,
    customer_id: str,
    now: datetime,
    *,
    grace: timedelta = _NO_GRACE,
    document: dict[str, object] | None = None,
    **more: object,
) -> WebhookEvent:
    """Write down that something has happened; it leaves when `grace` is over.

    The same event of the same moment is one, however often it is told.
    """
    said = plain({"customer_id": customer_id, "subject": subject, **(document or {}), **more})
    key = f"{kind}\x1f{subject}\x1f{now.isoformat()}"
    event_id = f"evt_{sha256(key)[:40]}"
    known = session.get(WebhookEvent, event_id)
    if known is not None:
        return known
    event = WebhookEvent(
        id=event_id,
        kind=kind,
        subject=subject,
        customer_id=customer_id,
        document=said,
        made_at=now,
        not_before=now + grace,
        withdrawn_at=None,
    )
    session.add(event)
    return event


def withdraw(session: Session, subject: str, now: datetime) -> None:
    """Keep back what has not left yet of a subject: it was taken back within its grace time."""
    session.flush()
    session.execute(
        update(WebhookEvent)
        .where(
            WebhookEvent.subject == subject,
            WebhookEvent.not_before > now,
            WebhookEvent.withdrawn_at.is_(None),
        )
        .values(withdrawn_at=now)
        .execution_options(synchronize_session=False)
    )
