"""What customers do on their pages, and what other systems tell us or are told."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from retention.db.models.foundation import Base
from retention.domain.customer_pages import Doubt, PagePurpose, Said
from retention.domain.instalments import PlanState


class CustomerLink(Base):
    """A link in a message that left; only the hash of its token is kept."""

    __tablename__ = "customer_link"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    purpose: Mapped[PagePurpose]
    action_id: Mapped[str] = mapped_column(ForeignKey("action.id"), index=True)
    customer_id: Mapped[str] = mapped_column(index=True)
    made_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class Submission(Base):
    """One answer that a customer gave on a page; `number` counts those of a page.

    With a `doubt` it has no effect until a person has asked the customer. `values` are their words.
    """

    __tablename__ = "submission"
    __table_args__ = (UniqueConstraint("action_id", "purpose", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    action_id: Mapped[str] = mapped_column(ForeignKey("action.id"))
    customer_id: Mapped[str] = mapped_column(index=True)
    purpose: Mapped[PagePurpose]
    number: Mapped[int]
    said: Mapped[Said]
    values: Mapped[dict[str, str] | None]
    said_at: Mapped[datetime]
    doubt: Mapped[Doubt | None]


class InstalmentPlan(Base):
    """What a customer pays in parts; while it is kept nobody asks them for the whole."""

    __tablename__ = "instalment_plan"

    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[str] = mapped_column(index=True)
    action_id: Mapped[str] = mapped_column(ForeignKey("action.id"))
    amount: Mapped[Decimal]
    currency: Mapped[str] = mapped_column(String(3))
    parts: Mapped[int]
    first_on: Mapped[date]
    state: Mapped[PlanState]
    agreed_at: Mapped[datetime]
    closed_on: Mapped[date | None]
    exclusion_id: Mapped[int | None] = mapped_column(ForeignKey("exclusion.id"))


class Preference(Base):
    """How a customer wants to be reached: what stands here goes before the company's data."""

    __tablename__ = "preference"

    customer_id: Mapped[str] = mapped_column(primary_key=True)
    language: Mapped[str | None] = mapped_column(String(8))
    channel: Mapped[str | None] = mapped_column(String(16))
    texts: Mapped[bool | None]
    changed_at: Mapped[datetime]


class ApiKey(Base):
    """A key with which another system tells us what has happened; only its hash is kept.

    `kinds` are those that it may tell; None for all.
    """

    __tablename__ = "api_key"

    key_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(60))
    kinds: Mapped[list[str] | None]
    made_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class ReceivedEvent(Base):
    """Something that another system has told us, once; `id` is that system's own."""

    __tablename__ = "received_event"

    source: Mapped[str] = mapped_column(String(60), primary_key=True)
    id: Mapped[str] = mapped_column(String(120), primary_key=True)
    kind: Mapped[str] = mapped_column(String(40), index=True)
    customer_id: Mapped[str] = mapped_column(index=True)
    happened_at: Mapped[datetime]
    received_at: Mapped[datetime]
    values: Mapped[dict[str, Any] | None]
    effect: Mapped[str] = mapped_column(String(300))


class WebhookEvent(Base):
    """Something that other systems are told; it leaves when its grace time is over."""

    __tablename__ = "webhook_event"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    kind: Mapped[str] = mapped_column(String(40), index=True)
    subject: Mapped[str] = mapped_column(String(80), index=True)
    customer_id: Mapped[str | None] = mapped_column(index=True)
    document: Mapped[dict[str, Any]]
    made_at: Mapped[datetime]
    not_before: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]


class WebhookDelivery(Base):
    """How often one receiver was told of an event, and what it said last."""

    __tablename__ = "webhook_delivery"
    __table_args__ = (Index(None, "state", "next_at"),)

    event_id: Mapped[str] = mapped_column(ForeignKey("webhook_event.id"), primary_key=True)
    receiver: Mapped[str] = mapped_column(String(60), primary_key=True)
    state: Mapped[str] = mapped_column(String(16))
    attempts: Mapped[int]
    next_at: Mapped[datetime]
    last_code: Mapped[int | None]
    last_text: Mapped[str | None] = mapped_column(String(200))
    delivered_at: Mapped[datetime | None]
