"""The only writer of rounds: deliveries, inboxes, learning, reports, each time they run."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from retention.db.models.runs import Round
from retention.domain.runs import RoundState

_KEPT = timedelta(days=400)
_DEAD_AFTER = timedelta(hours=7)
_WHY_LENGTH = 300


def begin(session: Session, flow: str, now: datetime) -> int:
    """Write down that a round begins; return its id. One that never ended is over by now."""
    died = Round.state == RoundState.RUNNING, Round.started_at < now - _DEAD_AFTER
    fate = {"state": RoundState.FAILED, "why": "its process died"}
    session.execute(update(Round).where(Round.flow == flow, *died).values(fate))
    session.execute(delete(Round).where(Round.flow == flow, Round.started_at < now - _KEPT))
    row = Round(flow=flow, state=RoundState.RUNNING, started_at=now)
    session.add(row)
    session.flush()
    return row.id


def end(
    session: Session, round_id: int, now: datetime, *, summary: Any = None, why: str | None = None
) -> None:
    """Write down how a round ended: with counts, or with why it failed."""
    row = session.get_one(Round, round_id)
    row.state = RoundState.FAILED if why is not None else RoundState.COMPLETED
    row.ended_at, row.summary = now, summary
    row.why = why[:_WHY_LENGTH] if why is not None else None


def of_flow(session: Session, flow: str, since: datetime) -> list[Round]:
    """Return the rounds of a flow since a moment, oldest first."""
    query = select(Round).where(Round.flow == flow, Round.started_at >= since).order_by(Round.id)
    return list(session.scalars(query))
