"""What the programme did in a week, and what is stuck: figures beside those of the week before."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from retention.db.models.incoming import Incoming
from retention.db.models.work.actions import Action, Approval, Offer
from retention.db.models.work.cases import Case, CaseEvent
from retention.db.models.work.messages import Message
from retention.domain.actions import OPEN_ACTION_STATES, ActionState
from retention.domain.cases import CaseEventKind, CaseState
from retention.domain.incoming import IncomingKind
from retention.domain.messages import MessageState
from retention.domain.offers import OfferState
from retention.domain.waits import is_in_vain

_WEEK = timedelta(days=7)
_MONTHS = 12


@dataclass(frozen=True, slots=True)
class Week:
    """Seven days, the last one included. `saved` is per year, from offers that were accepted."""

    opened: int
    moved: int
    restored: int
    ended: int
    approved: int
    rejected: int
    expired: int
    left: int
    answered: int
    bounced: int
    opted_out: int
    saved: Decimal


@dataclass(frozen=True, slots=True)
class Stuck:
    """What waits too long at this moment."""

    overdue: int
    in_vain: int
    unknown: int


def weeks(session: Session, as_of: date, timezone: str) -> tuple[Week, Week]:
    """Return the week that ends with a business date, and the one before it."""
    return _week(session, as_of, timezone), _week(session, as_of - _WEEK, timezone)


def stuck(session: Session, as_of: date) -> Stuck:
    """Return how much waits too long: decisions that are due, cases in vain, unknown messages."""
    waits = session.execute(
        select(func.coalesce(Case.waiting_for, ""), func.count())
        .where(Case.state == CaseState.OPEN)
        .group_by(Case.waiting_for)
    )
    overdue = _count(
        session,
        Action.id,
        Action.state.in_(sorted(OPEN_ACTION_STATES)),
        Action.state != ActionState.APPROVED,
        Action.due_on <= as_of,
    )
    unknown = _count(session, Message.id, Message.state == MessageState.UNKNOWN)
    return Stuck(overdue, sum(count for reason, count in waits if is_in_vain(reason)), unknown)


def _week(session: Session, last: date, timezone: str) -> Week:
    days = (last - _WEEK + timedelta(days=1), last)
    since, until = (_midnight(day, timezone) for day in (days[0], last + timedelta(days=1)))

    def on(column: InstrumentedAttribute[date] | InstrumentedAttribute[date | None]) -> Condition:
        return column.between(*days)

    def at(
        column: InstrumentedAttribute[datetime] | InstrumentedAttribute[datetime | None],
    ) -> Condition:
        return (column >= since) & (column < until)

    closed, decided = on(Case.closed_on), at(Approval.decided_at)
    moved = CaseEvent.from_stage.is_not(None) & (CaseEvent.kind == CaseEventKind.STAGE_ENTERED)
    return Week(
        opened=_count(session, Case.id, on(Case.opened_on)),
        moved=_count(session, CaseEvent.case_id, on(CaseEvent.happened_on), moved),
        restored=_count(session, Case.id, closed, Case.state == CaseState.RESTORED),
        ended=_count(session, Case.id, closed, Case.state == CaseState.TERMINATED),
        approved=_count(session, Approval.id, decided, Approval.approved.is_(True)),
        rejected=_count(session, Approval.id, decided, Approval.approved.is_(False)),
        expired=_count(
            session, Action.id, on(Action.due_on), Action.state == ActionState.EXPIRED
        ),
        left=_count(session, Message.id, at(Message.sent_at)),
        answered=_came(session, at(Incoming.received_at), [IncomingKind.REPLY]),
        bounced=_came(session, at(Incoming.received_at),
                      [IncomingKind.HARD_BOUNCE, IncomingKind.SOFT_BOUNCE]),
        opted_out=_came(session, at(Incoming.received_at),
                        [IncomingKind.UNSUBSCRIBE, IncomingKind.COMPLAINT]),
        saved=_saved(session, on(Offer.answered_on)),
    )  # fmt: skip


Condition = ColumnElement[bool]


def _count(session: Session, column: InstrumentedAttribute[Any], *where: Condition) -> int:
    return session.scalar(select(func.count(column)).where(*where)) or 0


def _came(session: Session, when: Condition, kinds: Sequence[IncomingKind]) -> int:
    """What answers a message of ours; what came in for nobody is counted elsewhere."""
    return _count(session, Incoming.id, when, Incoming.kind.in_(kinds),
                  Incoming.message_id.is_not(None))  # fmt: skip


def _saved(session: Session, when: Condition) -> Decimal:
    """Return what accepted offers change in a year: a higher fee brings, a lower one costs."""
    rows = session.execute(
        select(Offer.current_fee, Offer.new_fee).where(
            when, Offer.state == OfferState.ACCEPTED, Offer.new_fee.is_not(None)
        )
    )
    none = Decimal(0)
    return sum((((new or none) - (old or none)) * _MONTHS for old, new in rows), none)


def _midnight(day: date, timezone: str) -> datetime:
    return datetime.combine(day, time(), ZoneInfo(timezone))
