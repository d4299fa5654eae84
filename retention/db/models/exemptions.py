"""Who is left alone, compared, handed on, or allowed to skip a stage."""

from datetime import date, datetime

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from retention.db.models.foundation import Base
from retention.domain.exclusions import ExclusionKind, ExclusionReason
from retention.domain.handovers import HandoverState
from retention.domain.holdouts import Arm
from retention.domain.stages import PlaybookName, Stage
from retention.domain.waivers import WaiverState


class Waiver(Base):
    """A stage of a case that may be skipped, once a second person has agreed."""

    __tablename__ = "waiver"
    __table_args__ = (UniqueConstraint("case_id", "stage"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    case_id: Mapped[str] = mapped_column(ForeignKey("case.id"), index=True)
    stage: Mapped[Stage]
    state: Mapped[WaiverState]
    reason: Mapped[str]
    requested_by: Mapped[str]
    requested_at: Mapped[datetime]
    decided_by: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    note: Mapped[str | None]


class Exclusion(Base):
    """A hold, an exemption or a suppression of one customer."""

    __tablename__ = "exclusion"

    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[str] = mapped_column(index=True)
    kind: Mapped[ExclusionKind]
    scope: Mapped[str] = mapped_column(String(32))
    reason: Mapped[ExclusionReason]
    note: Mapped[str]
    author: Mapped[str]
    placed_at: Mapped[datetime]
    starts_on: Mapped[date]
    ends_on: Mapped[date | None]
    released_at: Mapped[datetime | None]
    released_by: Mapped[str | None]


class Holdout(Base):
    """The arm of a customer in a playbook, drawn once and for good."""

    __tablename__ = "holdout"

    customer_id: Mapped[str] = mapped_column(primary_key=True)
    playbook: Mapped[PlaybookName] = mapped_column(primary_key=True)
    group_key: Mapped[str] = mapped_column(index=True)
    arm: Mapped[Arm]
    assigned_on: Mapped[date]


class Handover(Base):
    """A customer who is handed over to a partner."""

    __tablename__ = "handover"
    __table_args__ = (UniqueConstraint("case_id", "partner_id"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    case_id: Mapped[str] = mapped_column(ForeignKey("case.id"), index=True)
    customer_id: Mapped[str]
    partner_id: Mapped[str] = mapped_column(index=True)
    state: Mapped[HandoverState]
    changed_by: Mapped[str]
    changed_at: Mapped[datetime]
    note: Mapped[str | None]
