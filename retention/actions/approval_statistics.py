"""How people decide: how long they look, how often they say no. A rubber stamp shows here."""

from statistics import median
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from retention.db.models.work.actions import Action, Approval
from retention.messages.compose import written_at

HASTY_SECONDS = 10


def how_people_decide(session: Session, timezone: str) -> list[dict[str, Any]]:
    """Return one row per person: decisions, refusals, time looked at, time waited.

    Seconds count from the moment a person was first shown what they decided on; hours from the
    morning after the night that proposed it.
    """
    rows = session.execute(
        select(Approval.person_id, Approval.approved, Approval.dwell_seconds, Approval.decided_at,
               Action.proposed_on)
        .join(Action, Action.id == Approval.action_id)
        .where(Approval.withdrawn_at.is_(None))
        .order_by(Approval.person_id)
    ).all()  # fmt: skip
    people = dict.fromkeys(row.person_id for row in rows)
    return [_of(person, [r for r in rows if r.person_id == person], timezone) for person in people]


def _of(person: str, rows: list[Any], timezone: str) -> dict[str, Any]:
    looked = [row.dwell_seconds for row in rows if row.dwell_seconds is not None]
    waited = [(r.decided_at - written_at(r.proposed_on, timezone)).total_seconds() for r in rows]
    return {
        "person": person,
        "decisions": len(rows),
        "refused": sum(not row.approved for row in rows),
        "not_looked_at": len(rows) - len(looked),
        "hasty": sum(seconds < HASTY_SECONDS for seconds in looked),
        "median_seconds": median(looked) if looked else None,
        "median_hours_waited": round(median(waited) / 3600, 1),
    }
