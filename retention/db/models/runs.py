"""Runs, and what people accept of their data."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from retention.db.models.foundation import Base
from retention.domain.alerts import TroubleKind
from retention.domain.limits import BatchState
from retention.domain.runs import RoundState, RunState


class Run(Base):
    """One execution of a flow for one business date, with its lease and fence.

    `taken_up_at` says when one whose process had died was started again by itself, `flow_run_id` is
    the run of Prefect that worked on it last.
    """

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
    taken_up_at: Mapped[datetime | None]
    flow_run_id: Mapped[str | None] = mapped_column(String(36))


class Round(Base):
    """One execution of a flow without business dates: a delivery, an inbox, a learning, a report.

    `summary` are counts, `why` is what a failed one said, without personal data.
    """

    __tablename__ = "round"

    id: Mapped[int] = mapped_column(primary_key=True)
    flow: Mapped[str] = mapped_column(String(40), index=True)
    state: Mapped[RoundState]
    started_at: Mapped[datetime] = mapped_column(index=True)
    ended_at: Mapped[datetime | None]
    summary: Mapped[dict[str, Any] | None]
    why: Mapped[str | None]


class Alert(Base):
    """A trouble that ops are told of, once, and once more when it is over.

    `telling_until` is for how long whoever composes the mail has it to itself.
    """

    __tablename__ = "alert"
    __table_args__ = (
        Index(
            "uq_alert_open", "kind", "key", unique=True,
        ),
    )  # fmt: skip

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[TroubleKind]
    key: Mapped[str] = mapped_column(String(80))
    why: Mapped[str]
    count: Mapped[int]
    opened_at: Mapped[datetime] = mapped_column(index=True)
    closed_at: Mapped[datetime | None]
    told_at: Mapped[datetime | None]
    over_told_at: Mapped[datetime | None]
    telling_until: Mapped[datetime | None]


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
    accepted_at: Mapped[datetime]


class Batch(Base):
    """What a night wanted to do too much of: held as a whole until people have looked.

    `customers` are ids only. An adverse batch needs two people to be released.
    """

    __tablename__ = "batch"
    __table_args__ = (UniqueConstraint("business_date", "effect"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    business_date: Mapped[date]
    effect: Mapped[str] = mapped_column(String(32))
    wanted: Mapped[int]
    allowed: Mapped[int]
    customers: Mapped[list[str]]
    state: Mapped[BatchState]
    first_by: Mapped[str | None]
    decided_by: Mapped[str | None]
    reason: Mapped[str | None]
    decided_at: Mapped[datetime | None]
