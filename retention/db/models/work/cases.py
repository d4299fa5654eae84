"""Cases, their history, and who is in or out of a playbook."""

from datetime import date
from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from retention.db.models.foundation import Base
from retention.db.types import by_value
from retention.domain.cases import CaseEventKind, CaseState
from retention.domain.stages import PlaybookName, Stage

if TYPE_CHECKING:
    from retention.db.models.work.actions import Action


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
    # Only of open cases, in the database: saying so here would load every database's dialect.
    __table_args__ = (Index("uq_case_open_customer", "customer_id", unique=True),)

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
