"""Play nights and people without Prefect, the way the flows do."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from retention.actions import approval as approvals
from retention.actions import completion as completing
from retention.actions import needed
from retention.audit.fingerprint import fingerprint
from retention.bootstrap import Application
from retention.clock import travel
from retention.db.models.work.actions import Action
from retention.db.session import reading, writing
from retention.domain.actions import ActionState
from retention.people.actor import Actor
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


def run_night(as_of: date, *, take_over: bool = False, plan: str | None = None) -> dict[str, Any]:
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
            return release_decisions.fn(claim, pulled, scored, plan)


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
        select(Action)
        .where(Action.state == ActionState.PENDING_APPROVAL)
        .options(joinedload(Action.rendering))
        .order_by(Action.id)
    )
    return [a for a in found if all(getattr(a, k) == v for k, v in having.items())]


def actor_of(shop: Application, person_id: str, as_of: date) -> Actor:
    """The actor of a person on the morning after a night."""
    person = shop.policies.team.get(person_id)
    zone = shop.settings.timezone
    return Actor(shop.policies, person, morning_after(as_of), as_of + timedelta(days=1), zone)


ANSWERS = {
    "reassessment": {"evidence": "tickets of the last year"},
    "conversation": {
        "alternative": "Norte Servicios",
        "alternative_contact": "+34 910 000 201",
        "fee_waived": "yes",
    },
    "final_settlement": {"settlement": "nothing is open"},
    "notice_check": {"rule": "thirty days, says counsel"},
    "stuck": {"finding": "nothing to be done yet"},
}
OUTCOMES = {"final_settlement": "settled", "notice_check": "confirmed", "stuck": "goes_on"}


def complete_one(
    session: Session, shop: Application, action: Action, as_of: date, outcome: str
) -> None:
    """Let the owner of an action log what came of it, with all that its form asks."""
    said = outcome if action.form == "reassessment" else OUTCOMES.get(action.form or "", "talked")
    completing.complete(
        session, action.id, actor_of(shop, action.owner, as_of), outcome=said,
        note="what the customer told us", answers=ANSWERS.get(action.form or "", {}),
    )  # fmt: skip


def complete_all(shop: Application, as_of: date, outcome: str = "unwilling") -> int:
    """Let every owner complete what is theirs, reviews with `outcome`."""
    with writing(shop.engine) as session:
        todo = [a for a in pending(session) if a.rendering is None]
        for action in todo:
            complete_one(session, shop, action, as_of, outcome)
    return len(todo)


def approve_all(shop: Application, as_of: date) -> int:
    """Let the right people approve every message that waits."""
    with writing(shop.engine) as session:
        todo = [a for a in pending(session) if a.rendering is not None]
        for action in todo:
            for slot in needed.slots_of(action):
                owner = shop.policies.team.get(action.owner)
                people = [owner, *shop.policies.team.people.values()]
                person = next(p for p in people if slot & p.roles_for(action.owner))
                actor = actor_of(shop, person.person_id, as_of)
                approvals.note_viewing(session, action, actor)
                approvals.approve(session, action.id, actor)
    return len(todo)


def print_of(shop: Application) -> str:
    """The fingerprint of the shop's database."""
    with reading(shop.engine) as session:
        return fingerprint(session)
