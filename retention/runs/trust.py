"""Which nights may be trusted: what they read, and when nothing adverse may rest on them."""

from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from retention.db.models.runs import Run
from retention.domain.documents import current_summary
from retention.domain.entry_doubt import ENTRY
from retention.domain.runs import RunState

_DECIDING = (RunState.COMPLETED, RunState.HELD, RunState.FAILED, RunState.RUNNING)


def good_pulls(
    session: Session, flow: str, count: int, before: date | None = None
) -> list[dict[str, Any]]:
    """Return what the last completed runs have read, newest first; only those before a date."""
    wanted = [Run.flow == flow, Run.state == RunState.COMPLETED]
    if before is not None:
        wanted.append(Run.business_date < before)
    summaries = session.scalars(
        select(Run.summary).where(*wanted).order_by(Run.business_date.desc()).limit(count)
    )
    read = (current_summary(summary, f"a night of {flow}") for summary in summaries)
    return [summary["pull"] for summary in read if summary]


def newly_meeting(session: Session, flow: str, count: int, before: date) -> list[dict[str, int]]:
    """Return how many newly met each entry condition on the last good nights, newest first.

    A first night, when nobody had met anything before, is not among them, nor one in doubt.
    """
    summaries = session.scalars(
        select(Run.summary)
        .where(Run.flow == flow, Run.state == RunState.COMPLETED, Run.business_date < before)
        .order_by(Run.business_date.desc())
        .limit(count)
    )
    read = [current_summary(summary, f"a night of {flow}") for summary in summaries]
    decided = [summary["decisions"] for summary in read if summary]
    return [d["newly"] for d in decided if d.get("newly") and not d.get("doubt")]


def has_decided(session: Session, flow: str, before: date) -> bool:
    """Tell whether any night before a date was completed."""
    done = [Run.flow == flow, Run.state == RunState.COMPLETED, Run.business_date < before]
    return session.scalar(select(Run.id).where(*done).limit(1)) is not None


def disturbed(
    session: Session, flow: str, before: date, gap_days: int, count: int
) -> list[set[str]]:
    """Return which tables were not to be trusted on each of the nights in a row before a date.

    Newest first, at most `count`. The row ends at a night that did not complete, and where nights
    lie more than `gap_days` apart.
    """
    rows = session.execute(
        select(Run.business_date, Run.state, Run.summary)
        .where(Run.flow == flow, Run.business_date < before, Run.state.in_(_DECIDING))
        .order_by(Run.business_date.desc())
        .limit(count)
    )
    found: list[set[str]] = []
    for day, state, summary in rows:
        if state is not RunState.COMPLETED or (before - day).days > gap_days:
            break
        pull = current_summary(summary, f"run {flow} {day}").get("pull", {})
        decided = current_summary(summary, f"run {flow} {day}").get("decisions", {})
        doubt = {f"{ENTRY} {name}" for name in decided.get("doubt", ())}
        found.append(set(pull.get("tripped", ())) | set(pull.get("accepted", ())) | doubt)
        before = day
    return found


def why_in_doubt(session: Session, flow: str, today: date, fresh_days: int) -> str | None:
    """Return why nothing adverse may rest on the last night, or None.

    A night that was held, failed or is at work has not said that all is well; nor has one that is
    too long ago.
    """
    newest = session.execute(
        select(Run.business_date, Run.state, Run.summary)
        .where(Run.flow == flow)
        .order_by(Run.business_date.desc())
        .limit(1)
    ).one_or_none()
    if newest is None:
        return None
    if newest.state in _IN_DOUBT:
        return f"night_{newest.state}"
    decided = current_summary(newest.summary, f"run {flow} {newest.business_date}")
    if decided.get("decisions", {}).get("doubt"):
        return "night_in_doubt"
    return "night_too_old" if (today - newest.business_date).days > fresh_days else None


_IN_DOUBT = frozenset({RunState.HELD, RunState.FAILED, RunState.RUNNING, RunState.BACKFILLED})
