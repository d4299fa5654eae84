"""Actions, what people decided on them, and what they offer."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from retention.db.models.foundation import Base
from retention.db.models.work.cases import Case
from retention.db.models.work.messages import Message
from retention.domain.actions import ActionKind, ActionState, Purpose
from retention.domain.approving import ReasonCode
from retention.domain.decision_kinds import DecisionKind
from retention.domain.messages import MessageClass, SendPolicy
from retention.domain.offers import OfferKind, OfferState, VoidReason
from retention.domain.people import Role
from retention.domain.stages import Stage


class Action(Base):
    """One proposed piece of work for one case and step."""

    __tablename__ = "action"
    __table_args__ = (
        Index(None, "state", "due_on", "id"),
        Index(None, "state", "purpose", "due_on", "id"),
        Index(None, "state", "kind", "due_on", "id"),
        Index(None, "state", "owner", "due_on", "id"),
        Index(None, "state", "snoozed_until"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    case_id: Mapped[str] = mapped_column(ForeignKey("case.id"), index=True)
    customer_id: Mapped[str] = mapped_column(index=True)
    stage: Mapped[Stage]
    purpose: Mapped[Purpose]
    step: Mapped[int | None]
    kind: Mapped[ActionKind]
    template: Mapped[str | None]
    form: Mapped[str | None]
    state: Mapped[ActionState] = mapped_column(index=True)
    owner: Mapped[str]
    required_roles: Mapped[list[str]]
    proposed_by: Mapped[str]
    proposed_on: Mapped[date]
    due_on: Mapped[date]
    done_on: Mapped[date | None]
    effective_on: Mapped[date | None]
    outcome: Mapped[str | None]
    note: Mapped[str | None]
    answers: Mapped[dict[str, str] | None]
    mailing: Mapped[str | None] = mapped_column(String(120), index=True)
    snapshot_hash: Mapped[str | None] = mapped_column(String(64))
    proof: Mapped[str | None] = mapped_column(String(32))
    edited_by: Mapped[str | None]
    voided_on: Mapped[date | None]
    snoozed_until: Mapped[date | None]
    escalated_on: Mapped[date | None]

    case: Mapped[Case] = relationship(back_populates="actions", lazy="raise")
    rendering: Mapped["Rendering | None"] = relationship(lazy="raise")
    receipt: Mapped["Receipt | None"] = relationship(lazy="raise")
    approvals: Mapped[list["Approval"]] = relationship(order_by="Approval.decided_at", lazy="raise")
    message: Mapped["Message | None"] = relationship(lazy="raise")
    offer: Mapped["Offer | None"] = relationship(lazy="raise")
    agreed_call: Mapped["AgreedCall | None"] = relationship(lazy="raise")
    comments: Mapped[list["Comment"]] = relationship(order_by="Comment.id", lazy="raise")


class Rendering(Base):
    """The exact bytes that will be sent, as approvers see them, but for the day they leave on.

    `letter` is what a PDF among them is made of, as JSON: it is made anew with that day. `edits`
    are the free parts that a person has written anew, by name, as Markdown. `pages` are the links
    that it gets when it leaves, `topic` is what its reader can switch off it by.
    """

    __tablename__ = "rendering"

    action_id: Mapped[str] = mapped_column(ForeignKey("action.id"), primary_key=True)
    recipient: Mapped[str]
    sender: Mapped[str]
    subject: Mapped[str]
    language: Mapped[str] = mapped_column(String(8))
    policy: Mapped[SendPolicy]
    message_class: Mapped[MessageClass]
    message_id: Mapped[str] = mapped_column(unique=True)
    return_path: Mapped[str]
    token: Mapped[str] = mapped_column(String(64), unique=True, index=True)
    timezone: Mapped[str | None] = mapped_column(String(64))
    place: Mapped[str] = mapped_column(String(8))
    text: Mapped[str]
    html: Mapped[str]
    raw: Mapped[bytes] = mapped_column(LargeBinary)
    letter: Mapped[str | None]
    edits: Mapped[dict[str, str] | None]
    edited_at: Mapped[datetime | None]
    pages: Mapped[list[str] | None]
    topic: Mapped[str | None] = mapped_column(String(24))


class Receipt(Base):
    """Why a decision was made: inputs, conditions, reasons and versions."""

    __tablename__ = "receipt"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    as_of: Mapped[date]
    customer_id: Mapped[str] = mapped_column(index=True)
    case_id: Mapped[str] = mapped_column(ForeignKey("case.id"), index=True)
    action_id: Mapped[str | None] = mapped_column(ForeignKey("action.id"), index=True)
    decision: Mapped[DecisionKind]
    reason: Mapped[str]
    document: Mapped[dict[str, Any]]


class Approval(Base):
    """One person's decision on an action, bound to the content they saw.

    An approval that was taken back in time says when; it counts no longer.
    """

    __tablename__ = "approval"
    id: Mapped[int] = mapped_column(primary_key=True)
    action_id: Mapped[str] = mapped_column(ForeignKey("action.id"), index=True)
    person_id: Mapped[str]
    role: Mapped[Role]
    on_behalf_of: Mapped[str | None]
    approved: Mapped[bool]
    reason: Mapped[str | None]
    code: Mapped[ReasonCode | None]
    content_hash: Mapped[str] = mapped_column(String(64))
    decided_at: Mapped[datetime]
    dwell_seconds: Mapped[int | None]
    withdrawn_at: Mapped[datetime | None]


class Offer(Base):
    """One version of what a proposal offers, and what the customer has answered.

    `confirmed_on` is when the company's own system showed what was accepted.
    """

    __tablename__ = "offer"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    action_id: Mapped[str] = mapped_column(ForeignKey("action.id"), unique=True)
    case_id: Mapped[str] = mapped_column(ForeignKey("case.id"), index=True)
    stage: Mapped[Stage]
    version: Mapped[int]
    kind: Mapped[OfferKind]
    state: Mapped[OfferState]
    current_fee: Mapped[Decimal | None]
    new_fee: Mapped[Decimal | None]
    detail: Mapped[str | None]
    currency: Mapped[str] = mapped_column(String(3))
    expires_on: Mapped[date]
    counter_fee: Mapped[Decimal | None]
    answered_on: Mapped[date | None]
    answered_by: Mapped[str | None]
    note: Mapped[str | None]
    void_reason: Mapped[VoidReason | None]
    confirmed_on: Mapped[date | None]


class AgreedCall(Base):
    """When a call will be, as agreed with the customer; `number` counts how often it was moved."""

    __tablename__ = "agreed_call"

    action_id: Mapped[str] = mapped_column(ForeignKey("action.id"), primary_key=True)
    number: Mapped[int]
    starts_at: Mapped[datetime]
    agreed_by: Mapped[str]
    agreed_at: Mapped[datetime]
    cancelled_at: Mapped[datetime | None]


class Comment(Base):
    """What somebody has said about an action."""

    __tablename__ = "comment"

    id: Mapped[int] = mapped_column(primary_key=True)
    action_id: Mapped[str] = mapped_column(ForeignKey("action.id"), index=True)
    person_id: Mapped[str]
    said_at: Mapped[datetime]
    text: Mapped[str]


class Viewing(Base):
    """When a person was first shown a content: from then on their time to decide counts."""

    __tablename__ = "viewing"

    action_id: Mapped[str] = mapped_column(ForeignKey("action.id"), primary_key=True)
    person_id: Mapped[str] = mapped_column(primary_key=True)
    content_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    shown_at: Mapped[datetime]
