"""The run ledger: one row per flow and business date, with a lease and a fence."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from retention.db.models.runs import Run
from retention.db.recording import Entry, record
from retention.domain.documents import SUMMARY, current_summary, stamped
from retention.domain.errors import RunLockedError, RunRefusedError
from retention.domain.runs import RUN_MOVES, RunState
from retention.domain.transitions import require_move


@dataclass(frozen=True, slots=True)
class RunClaim:
    """The right to do a run: `fence` must still be the row's when results are written.

    `done` holds the summary of a run that was completed before; then there is nothing to do.
    `skipped` says that the date came too late, `backfill` that it is scored and nothing is decided.
    """

    run_id: int
    fence: int
    done: dict[str, Any] | None = None
    skipped: bool = False
    backfill: bool = False


@dataclass(frozen=True, slots=True)
class Lateness:
    """When a date is too late, and what to do then.

    A night is due on the day after its date. With `days` more it is late. `allow` runs it all the
    same, `backfill` scores it and decides nothing.
    """

    days: int | None = None
    allow: bool = False
    backfill: bool = False

    def refuses(self, business_date: date, today: date) -> bool:
        """Return whether a date is too late and nobody has said what to do."""
        return self._is_late(business_date, today) and not (self.allow or self.backfill)

    def is_backfill(self, business_date: date, today: date) -> bool:
        """Return whether a date is only scored."""
        return self.backfill and self._is_late(business_date, today)

    def _is_late(self, business_date: date, today: date) -> bool:
        return self.days is not None and (today - business_date).days > 1 + self.days


def claim(
    session: Session,
    flow: str,
    business_date: date,
    now: datetime,
    lease: timedelta,
    *,
    today: date,
    late: Lateness | None = None,
) -> RunClaim:
    """Claim a flow's business date.

    Raises RunLockedError while another process holds it, RunRefusedError for a date before the
    newest completed one or after `today`, the company's calendar date. A date that is late by the
    rule of `late` is written down as skipped, and the claim says so.
    """
    refuse_future(business_date, today)
    late = late or Lateness()
    run = session.scalars(
        select(Run).where(Run.flow == flow, Run.business_date == business_date).with_for_update()
    ).one_or_none()
    if run is not None and run.state is RunState.COMPLETED:
        return RunClaim(
            run.id, run.fence, done=current_summary(run.summary, f"run {flow} {business_date}")
        )
    if late.refuses(business_date, today):
        return _skip(session, run, flow, business_date, now)
    if not late.is_backfill(business_date, today):
        _refuse_older(session, flow, business_date)
    backfill = late.is_backfill(business_date, today)
    if run is None:
        run = _insert(session, flow, business_date, RunState.RUNNING, now, now + lease)
        return RunClaim(run.id, run.fence, backfill=backfill)
    if run.state is RunState.RUNNING and run.lease_until > now:
        until = f"{run.lease_until:%Y-%m-%d %H:%M} UTC"
        raise _locked(flow, business_date, f"is held by another process until {until}")
    require_move(RUN_MOVES, run.state, RunState.RUNNING, subject=f"run {flow} {business_date}")
    run.state, run.fence = RunState.RUNNING, run.fence + 1
    run.started_at, run.lease_until = now, now + lease
    return RunClaim(run.id, run.fence, backfill=backfill)


def last_claim(session: Session, flow: str) -> datetime | None:
    """Return when a run of a flow was claimed last, None before the first."""
    return session.scalar(select(func.max(Run.started_at)).where(Run.flow == flow))


def _insert(
    session: Session,
    flow: str,
    business_date: date,
    state: RunState,
    now: datetime,
    until: datetime,
) -> Run:
    run = Run(flow=flow, business_date=business_date, state=state, fence=1, started_at=now,
              lease_until=until)  # fmt: skip
    session.add(run)
    try:
        session.flush()
    except IntegrityError as error:  # another process inserted it a moment ago
        raise _locked(flow, business_date, "is being started by another process") from error
    return run


def _skip(
    session: Session, run: Run | None, flow: str, business_date: date, now: datetime
) -> RunClaim:
    """Write down that a date came too late; a run of it that is at work is left alone."""
    if run is None:
        run = _insert(session, flow, business_date, RunState.SKIPPED_LATE, now, now)
        document = {"flow": flow, "business_date": business_date}
        entry = Entry(now, "run.skipped_late", f"run {flow} {business_date}", document)
        record(session, entry)
    return RunClaim(run.id, run.fence, skipped=True)


def note_flow_run(session: Session, claim_: RunClaim, flow_run_id: str | None) -> None:
    """Write down in which run of Prefect a claimed date is worked on; None outside of one."""
    require_held(session, claim_).flow_run_id = flow_run_id


def renew(session: Session, claim_: RunClaim, now: datetime, lease: timedelta) -> None:
    """Hold a run for longer: its process is alive. Raises RunLockedError when it was taken over."""
    require_held(session, claim_).lease_until = now + lease


def _locked(flow: str, business_date: date, found: str) -> RunLockedError:
    return RunLockedError(
        f"run {flow} of {business_date}",
        found,
        "Wait for it to end; a killed run is taken over when its lease is over, "
        "or at once with --take-over.",
    )


def refuse_future(business_date: date, today: date) -> None:
    """Raise RunRefusedError for a date that has not come: a typing error would run every clock."""
    if business_date > today:
        raise RunRefusedError(
            f"the night of {business_date}", f"lies after today, {today}", "Correct the date."
        )


def release_lease(session: Session, flow: str, business_date: date, now: datetime) -> None:
    """End the lease of a run whose process is known to be dead."""
    run = session.scalars(
        select(Run).where(
            Run.flow == flow, Run.business_date == business_date, Run.state == RunState.RUNNING
        )
    ).one_or_none()
    if run is not None:
        run.lease_until = now


def require_held(session: Session, claim_: RunClaim) -> Run:
    """Return the run's row, locked. Raises RunLockedError when another process took it over."""
    run = session.scalars(select(Run).where(Run.id == claim_.run_id).with_for_update()).one()
    if run.fence != claim_.fence or run.state is not RunState.RUNNING:
        raise RunLockedError(
            f"run {run.flow} of {run.business_date}",
            "was taken over by another process",
            "Nothing was written; look at the other run.",
        )
    return run


def require_newest(session: Session, claim_: RunClaim) -> None:
    """Hold the run, and every newer one, until the transaction ends: its results count now.

    Raises RunLockedError when another process took it over, and RunRefusedError when a newer date
    was completed while it was at work: an older night never decides after a newer one.
    """
    run = require_held(session, claim_)
    newer = select(Run.state).where(Run.flow == run.flow, Run.business_date > run.business_date)
    session.scalars(newer.order_by(Run.business_date).with_for_update()).all()
    _refuse_older(session, run.flow, run.business_date)


def finish(
    session: Session, claim_: RunClaim, state: RunState, summary: dict[str, Any], now: datetime
) -> None:
    """Write a run's end, in the transaction that writes its results."""
    run = require_held(session, claim_)
    require_move(RUN_MOVES, run.state, state, subject=f"run {run.flow} {run.business_date}")
    run.state, run.summary, run.finished_at = state, stamped(summary, SUMMARY), now
    document = {"flow": run.flow, "business_date": run.business_date, "fence": run.fence}
    record(session, Entry(now, f"run.{state}", f"run {run.flow} {run.business_date}", document))


def fail_dead(session: Session, run: Run, why: str, now: datetime) -> None:
    """Let a run fail whose process has died; `run` is locked."""
    subject = f"run {run.flow} {run.business_date}"
    require_move(RUN_MOVES, run.state, RunState.FAILED, subject=subject)
    run.state, run.finished_at = RunState.FAILED, now
    run.summary = stamped({"reason": "ProcessDied", "why": why}, SUMMARY)
    record(session, Entry(now, "run.failed", subject, {"fence": run.fence}))


def _refuse_older(session: Session, flow: str, business_date: date) -> None:
    newest = session.scalar(
        select(func.max(Run.business_date)).where(Run.flow == flow, Run.state == RunState.COMPLETED)
    )
    if newest is not None and business_date < newest:
        raise RunRefusedError(
            f"run {flow} of {business_date}",
            f"is older than the newest completed one, {newest}",
            "A night is decided once and in order; run a later date.",
        )
