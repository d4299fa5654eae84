"""How people decide: how long they look, how often they say no. A rubber stamp shows here."""

from collections import Counter
from collections.abc import Iterable
from itertools import groupby
from statistics import median
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from retention.db.models.work.actions import Action, Approval
from retention.messages.compose import written_at

HASTY_SECONDS, STAMPED_SECONDS = 10, 3


def how_people_decide(session: Session, timezone: str) -> list[dict[str, Any]]:
    """Return one row per person: decisions, refusals, time looked at, time waited.

    Seconds count from the moment a person was first shown what they decided on; hours from the
    morning after the night that proposed it. `most_in_a_row` is the longest run of decisions each
    of which took at most three seconds, or nobody has looked at; `edited` counts the messages that
    a person has written in other words.
    """
    rows = session.execute(
        select(Approval.person_id, Approval.approved, Approval.dwell_seconds, Approval.decided_at,
               Action.proposed_on)
        .join(Action, Action.id == Approval.action_id)
        .where(Approval.withdrawn_at.is_(None))
        .order_by(Approval.person_id, Approval.decided_at, Approval.id)
    ).all()  # fmt: skip
    edited = _edited(session)
    return [
        _of(person, list(theirs), timezone) | {"edited": edited[person]}
        for person, theirs in groupby(rows, key=lambda row: str(row.person_id))
    ]


def _edited(session: Session) -> Counter[str]:
    found = session.scalars(select(Action.edited_by).where(Action.edited_by.is_not(None)))
    return Counter(person for people in found for person in (people or "").split(","))


def _of(person: str, rows: list[Any], timezone: str) -> dict[str, Any]:
    looked = [row.dwell_seconds for row in rows if row.dwell_seconds is not None]
    waited = [(r.decided_at - written_at(r.proposed_on, timezone)).total_seconds() for r in rows]
    stamped = ((row.dwell_seconds or 0) <= STAMPED_SECONDS for row in rows)
    return {
        "person": person,
        "decisions": len(rows),
        "refused": sum(not row.approved for row in rows),
        "not_looked_at": len(rows) - len(looked),
        "hasty": sum(seconds < HASTY_SECONDS for seconds in looked),
        "most_in_a_row": _longest(stamped),
        "median_seconds": median(looked) if looked else None,
        "median_hours_waited": round(median(waited) / 3600, 1),
    }


def _longest(stamped: Iterable[bool]) -> int:
    return max((len(list(run)) for so, run in groupby(stamped) if so), default=0)
