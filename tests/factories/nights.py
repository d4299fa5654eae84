"""Play nights and people without Prefect, the way the flows do."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from retention.clock import travel
from retention.db.models import Action
from retention.db.session import reading, writing
from retention.domain.actions import ActionKind, ActionState
from retention.domain.people import Role
from retention.services import approvals
from retention.services.fingerprint import fingerprint
from retention.workshop import Workshop
from tasks.nightly import (
    claim_run,
    compare_customers,
    finish_scores,
    measure_shard,
    pull_sources,
    recording_failure,
    release_decisions,
    score_shard,
)


def run_night(as_of: date, *, take_over: bool = False) -> dict[str, Any]:
    """Run the steps of the nightly flow as plain functions."""
    with travel(morning_after(as_of)):
        claim = claim_run.fn(as_of, take_over=take_over)
        if claim.done is not None:
            return claim.done
        with recording_failure(claim):
            pulled = pull_sources.fn(as_of)
            for shard in range(pulled.shards):
                measure_shard.fn(as_of, shard)
            compare_customers.fn(as_of)
            for shard in range(pulled.shards):
                score_shard.fn(as_of, shard)
            scored = finish_scores.fn(as_of)
            return release_decisions.fn(claim, pulled, scored)


def run_nights(last: date, count: int) -> dict[str, Any]:
    """Run `count` nights in a row, the last one on `last`; return its summary."""
    summary: dict[str, Any] = {}
    for night in nights(last, count):
        summary = run_night(night)
    return summary


def nights(last: date, count: int) -> Iterator[date]:
    """The `count` dates up to `last`."""
    return (last - timedelta(days=n) for n in range(count - 1, -1, -1))


def morning_after(as_of: date) -> datetime:
    """Nine o'clock in Madrid on the day after."""
    return datetime.combine(
        as_of + timedelta(days=1), datetime.min.time().replace(hour=9), ZoneInfo("Europe/Madrid")
    )


def pending(session: Session, **having: Any) -> list[Action]:
    """Actions that wait for a person, with exact attribute values."""
    found = session.scalars(
        select(Action).where(Action.state == ActionState.PENDING_APPROVAL).order_by(Action.id)
    )
    return [a for a in found if all(getattr(a, k) == v for k, v in having.items())]


def complete_all(shop: Workshop, as_of: date, outcome: str = "unwilling") -> int:
    """Let every owner complete what is theirs, reviews with `outcome`."""
    with writing(shop.engine) as session:
        todo = [a for a in pending(session) if a.kind is not ActionKind.EMAIL]
        for action in todo:
            said = outcome if action.kind is ActionKind.REVIEW else "talked"
            owner = shop.policies.team.get(action.owner)
            approvals.complete(
                session, action.id, owner, shop.policies, as_of, outcome=said, note=""
            )
    return len(todo)


def approve_all(shop: Workshop, as_of: date) -> int:
    """Let the right people approve every e-mail that waits."""
    with writing(shop.engine) as session:
        todo = pending(session, kind=ActionKind.EMAIL)
        for action in todo:
            for role in action.required_roles:
                owner = shop.policies.team.get(action.owner)
                people = [owner, *shop.policies.team.people.values()]
                person = next(p for p in people if Role(role) in p.roles)
                approvals.approve(session, action.id, person, morning_after(as_of), as_of)
    return len(todo)


def print_of(shop: Workshop) -> str:
    """The fingerprint of the shop's database."""
    with reading(shop.engine) as session:
        return fingerprint(session)
