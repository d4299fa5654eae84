"""The outbox, what was tried, and what came back."""

from datetime import date, datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from retention.db.models.foundation import Base
from retention.domain.messages import MessageState, SendPolicy


class Message(Base):
    """The outbox: one approved e-mail to one recipient.

    `waiting_since` is from when a rule has kept it, `waited` how many seconds others have before:
    that time does not age its approvals.
    """

    __tablename__ = "message"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    action_id: Mapped[str] = mapped_column(ForeignKey("action.id"), unique=True)
    state: Mapped[MessageState] = mapped_column(index=True)
    policy: Mapped[SendPolicy]
    content_hash: Mapped[str] = mapped_column(String(64))
    attempts: Mapped[int]
    lease_until: Mapped[datetime | None]
    not_before: Mapped[datetime]
    send_until: Mapped[date]
    sent_at: Mapped[datetime | None]
    last_code: Mapped[int | None]
    last_text: Mapped[str | None]
    waiting_for: Mapped[str | None]
    waiting_since: Mapped[datetime | None]
    waited: Mapped[int] = mapped_column(default=0)
    held_by: Mapped[str | None]

    tried: Mapped[list["DeliveryAttempt"]] = relationship(
        order_by="DeliveryAttempt.number", lazy="raise"
    )


class DeliveryAttempt(Base):
    """One SMTP conversation and the stage it reached."""

    __tablename__ = "delivery_attempt"

    message_id: Mapped[str] = mapped_column(ForeignKey("message.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    stage: Mapped[int]
    started_at: Mapped[datetime] = mapped_column(index=True)
    ended_at: Mapped[datetime | None]
    code: Mapped[int | None]
    reply: Mapped[str | None]
