"""The state that must survive: runs, cases, actions, approvals, messages.

Primary keys of business records are derived from what they stand for (see domain.keys), so a
repeated night writes the same rows. Dates (`*_on`) are business dates; moments (`*_at`) are aware.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    JSON,
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from retention.db.types import Money, UtcDateTime, by_value
from retention.domain.actions import ActionKind, ActionState
from retention.domain.cases import CaseEventKind, CaseState
from retention.domain.decisions import DecisionKind
from retention.domain.messages import MessageState, SendPolicy
from retention.domain.people import Role
from retention.domain.runs import RunState
from retention.domain.stages import PlaybookName, Stage

_OPEN_CASE = text("state = 'open'")


class Base(DeclarativeBase):
    """Base of all tables; constraints have stable names for migrations."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's way to set it
        datetime: UtcDateTime,
        Decimal: Money,
        dict[str, Any]: JSON,
        list[str]: JSON,
        PlaybookName: by_value(PlaybookName),
        Stage: by_value(Stage),
        CaseState: by_value(CaseState),
        CaseEventKind: by_value(CaseEventKind),
        ActionKind: by_value(ActionKind),
        ActionState: by_value(ActionState),
        DecisionKind: by_value(DecisionKind),
        MessageState: by_value(MessageState),
        SendPolicy: by_value(SendPolicy),
        RunState: by_value(RunState),
        Role: by_value(Role),
    }


class Run(Base):
    """One execution of a flow for one business date, with its lease and fence."""

    __tablename__ = "run"
    __table_args__ = (UniqueConstraint("flow", "business_date"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    flow: Mapped[str] = mapped_column(String(40))
    business_date: Mapped[date]
    state: Mapped[RunState]
    fence: Mapped[int]
    lease_until: Mapped[datetime]
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    summary: Mapped[dict[str, Any] | None]


class PlaybookVersion(Base):
    """A playbook as it was when a case opened under it; `version` is its SHA-256."""

    __tablename__ = "playbook_version"

    version: Mapped[str] = mapped_column(String(64), primary_key=True)
    playbook: Mapped[PlaybookName]
    document: Mapped[str]
    first_used_on: Mapped[date]


class Confirmation(Base):
    """For how many nights in a row a playbook's condition has held for a customer."""

    __tablename__ = "confirmation"
    __table_args__ = (CheckConstraint("nights > 0", name="nights_positive"),)

    customer_id: Mapped[str] = mapped_column(primary_key=True)
    playbook: Mapped[PlaybookName] = mapped_column(primary_key=True)
    condition: Mapped[str] = mapped_column(String(8), primary_key=True)
    nights: Mapped[int]
    last_on: Mapped[date]


class Case(Base):
    """One customer's way through one playbook version. At most one is open per customer."""

    __tablename__ = "case"
    __table_args__ = (
        Index(
            "uq_case_open_customer",
            "customer_id",
            unique=True,
            sqlite_where=_OPEN_CASE,
            postgresql_where=_OPEN_CASE,
        ),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    customer_id: Mapped[str] = mapped_column(index=True)
    playbook: Mapped[PlaybookName]
    version: Mapped[str] = mapped_column(ForeignKey("playbook_version.version"))
    state: Mapped[CaseState] = mapped_column(index=True)
    stage: Mapped[Stage]
    stage_entered_on: Mapped[date]
    opened_on: Mapped[date]
    closed_on: Mapped[date | None]
    waiting_for: Mapped[str | None]

    events: Mapped[list["CaseEvent"]] = relationship(
        back_populates="case", order_by="CaseEvent.number", lazy="raise"
    )
    actions: Mapped[list["Action"]] = relationship(back_populates="case", lazy="raise")


class CaseEvent(Base):
    """One line of a case's history. Never changed, never removed."""

    __tablename__ = "case_event"

    case_id: Mapped[str] = mapped_column(ForeignKey("case.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[CaseEventKind]
    happened_on: Mapped[date]
    from_stage: Mapped[Stage | None] = mapped_column(by_value(Stage, "from_stage"))
    to_stage: Mapped[Stage | None] = mapped_column(by_value(Stage, "to_stage"))
    reason: Mapped[str]
    actor: Mapped[str]

    case: Mapped[Case] = relationship(back_populates="events", lazy="raise")


class Action(Base):
    """One proposed piece of work for one case and step."""

    __tablename__ = "action"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    case_id: Mapped[str] = mapped_column(ForeignKey("case.id"), index=True)
    customer_id: Mapped[str] = mapped_column(index=True)
    stage: Mapped[Stage]
    step: Mapped[int]
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
    current_fee: Mapped[Decimal | None]
    new_fee: Mapped[Decimal | None]
    outcome: Mapped[str | None]
    note: Mapped[str | None]

    case: Mapped[Case] = relationship(back_populates="actions", lazy="raise")
    rendering: Mapped["Rendering | None"] = relationship(lazy="raise")
    receipt: Mapped["Receipt | None"] = relationship(lazy="raise")
    approvals: Mapped[list["Approval"]] = relationship(order_by="Approval.decided_at", lazy="raise")
    message: Mapped["Message | None"] = relationship(lazy="raise")


class Rendering(Base):
    """The exact bytes that will be sent, as approvers see them."""

    __tablename__ = "rendering"

    action_id: Mapped[str] = mapped_column(ForeignKey("action.id"), primary_key=True)
    recipient: Mapped[str]
    sender: Mapped[str]
    subject: Mapped[str]
    language: Mapped[str] = mapped_column(String(8))
    policy: Mapped[SendPolicy]
    message_id: Mapped[str] = mapped_column(unique=True)
    text: Mapped[str]
    html: Mapped[str]
    raw: Mapped[bytes] = mapped_column(LargeBinary)
    content_hash: Mapped[str] = mapped_column(String(64))


class GateOverride(Base):
    """A named person's acceptance of what a table's gate found, for one business date."""

    __tablename__ = "gate_override"
    __table_args__ = (UniqueConstraint("business_date", "table_name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    business_date: Mapped[date]
    table_name: Mapped[str]
    found: Mapped[str]
    person_id: Mapped[str]
    reason: Mapped[str]
    accepted_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Receipt(Base):
    """Why a decision was made: inputs, conditions, reasons and versions."""

    __tablename__ = "receipt"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    as_of: Mapped[date]
    customer_id: Mapped[str] = mapped_column(index=True)
    case_id: Mapped[str] = mapped_column(ForeignKey("case.id"), index=True)
    action_id: Mapped[str | None] = mapped_column(ForeignKey("action.id"))
    decision: Mapped[DecisionKind]
    reason: Mapped[str]
    document: Mapped[dict[str, Any]]


class Approval(Base):
    """One person's decision on an action, bound to the content they saw."""

    __tablename__ = "approval"
    __table_args__ = (UniqueConstraint("action_id", "person_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    action_id: Mapped[str] = mapped_column(ForeignKey("action.id"))
    person_id: Mapped[str]
    role: Mapped[Role]
    approved: Mapped[bool]
    reason: Mapped[str | None]
    content_hash: Mapped[str] = mapped_column(String(64))
    decided_at: Mapped[datetime]


class Message(Base):
    """The outbox: one approved e-mail to one recipient."""

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

    tried: Mapped[list["DeliveryAttempt"]] = relationship(
        order_by="DeliveryAttempt.number", lazy="raise"
    )


class DeliveryAttempt(Base):
    """One SMTP conversation and the stage it reached."""

    __tablename__ = "delivery_attempt"

    message_id: Mapped[str] = mapped_column(ForeignKey("message.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    stage: Mapped[int]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    code: Mapped[int | None]
    reply: Mapped[str | None]
