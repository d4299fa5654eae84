"""The nights that were, and what left after each of them."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from retention.db.models.runs import Round, Run
from retention.domain.documents import current_summary, why_of
from retention.domain.errors import NotFoundError
from retention.domain.runs import RunState

DELIVER = "deliver"


@dataclass(frozen=True, slots=True)
class Night:
    """One night in a line.

    `read` customers, `moved` cases that opened, moved on or closed, `held` effects that were over
    their cap, `why` it is as it is; `rounds` of delivery since, and what they
    `sent`; `flow_run_id` is the run of Prefect that worked on it, where there was one.
    """

    as_of: date
    state: RunState
    started_at: datetime
    ended_at: datetime | None
    read: int | None = None
    moved: int | None = None
    proposed: int | None = None
    held: dict[str, int] = field(default_factory=dict)
    why: str = ""
    rounds: int = 0
    sent: int = 0
    flow_run_id: str | None = None


def list_nights(session: Session, flow: str, limit: int) -> list[Night]:
    """Return the newest nights, newest first."""
    runs = list(
        session.scalars(
            select(Run).where(Run.flow == flow).order_by(Run.business_date.desc()).limit(limit)
        )
    )
    since = min((run.started_at for run in runs), default=None)
    rounds = _rounds(session, since) if since else []
    nights, until = [], None
    for run in runs:
        after = [r for r in rounds if r.started_at >= run.started_at]
        after = [r for r in after if until is None or r.started_at < until]
        nights.append(_night(run, after))
        until = run.started_at
    return nights


def _rounds(session: Session, since: datetime) -> list[Round]:
    query = select(Round).where(Round.flow == DELIVER, Round.started_at >= since)
    return list(session.scalars(query))


def _night(run: Run, rounds: list[Round]) -> Night:
    summary = current_summary(run.summary, f"the night of {run.business_date}")
    pull, decided = summary.get("pull", {}), summary.get("decisions", {})
    decisions = decided.get("decisions")
    tripped = [f"{name}: {found}" for name, found in pull.get("tripped", {}).items()]
    tripped += [f"{name}: {found}" for name, found in ((decided or {}).get("doubt") or {}).items()]
    why = why_of(summary) or "; ".join(tripped)
    return Night(
        as_of=run.business_date,
        state=run.state,
        started_at=run.started_at,
        ended_at=run.finished_at,
        read=pull.get("customers"),
        moved=None if decisions is None else _moved(decisions),
        proposed=sum(decided["proposed"].values()) if "proposed" in decided else None,
        held=decided.get("over_cap") or {},
        why=why if run.taken_up_at is None else f"was taken up again. {why}".strip(),
        rounds=len(rounds),
        sent=sum(((r.summary or {}).get("states") or {}).get("sent", 0) for r in rounds),
        flow_run_id=run.flow_run_id,
    )


def _moved(decisions: dict[str, int]) -> int:
    return sum(decisions.get(kind, 0) for kind in ("open", "advance", "close"))


def summary_of(session: Session, flow: str, as_of: date) -> dict[str, Any]:
    """Return the summary of a night that is done. Raises NotFoundError, with why it is not."""
    run = session.scalars(
        select(Run).where(Run.flow == flow, Run.business_date == as_of)
    ).one_or_none()
    if run is None:
        raise NotFoundError(f"the night of {as_of}", "has not run", "See 'retention nights'.")
    summary = current_summary(run.summary, f"the night of {as_of}")
    if "pull" not in summary:
        why = why_of(summary) or "it has left nothing"
        raise NotFoundError(f"the night of {as_of}", f"is {run.state}: {why}", "Run it again.")
    return summary
