"""Runs whose process has died: taken up again once, then given up."""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from retention.db.models.runs import Run
from retention.db.recording import Entry, record
from retention.domain.runs import RunState
from retention.runs import ledger

COMES_UP_WITHIN = timedelta(minutes=20)
"""For how long a run that was ordered may wait for its worker."""
BEGINS_WITHIN = timedelta(minutes=10)
"""For how long a run that a worker has taken may be silent before it does anything."""


def take_up(session: Session, flow: str, now: datetime) -> list[Run]:
    """Return the runs that died and were not taken up yet; from now on they were."""
    found = [run for run in _dead(session, flow, now) if run.taken_up_at is None]
    for run in found:
        run.taken_up_at = now
        record(session, Entry(now, "run.taken_up", _subject(run), {"fence": run.fence}))
    return found


def give_up(session: Session, flow: str, now: datetime) -> list[Run]:
    """Let runs fail that died again, or did not come up after they were taken up."""
    given_up = []
    for run in _dead(session, flow, now):
        if run.taken_up_at is None:
            continue
        died_again = run.started_at >= run.taken_up_at
        if died_again or now > run.taken_up_at + COMES_UP_WITHIN:
            again = "died twice" if died_again else "died, and did not come up again"
            ledger.fail_dead(session, run, f"its process {again}", now)
            given_up.append(run)
    return given_up


def _dead(session: Session, flow: str, now: datetime) -> list[Run]:
    """Return running runs that have not been heard of; one that is being written lives."""
    query = select(Run).where(
        Run.flow == flow, Run.state == RunState.RUNNING, Run.lease_until < now
    )
    return list(session.scalars(query.with_for_update(skip_locked=True)))


def _subject(run: Run) -> str:
    return f"run {run.flow} {run.business_date}"
