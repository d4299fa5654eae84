"""What a night would do: the very same code, on paper."""

import tempfile
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session, joinedload

from retention.answers.survey_answers import answers_until
from retention.db import schema
from retention.db.canonical import canonical, sha256
from retention.db.models.runs import Run
from retention.db.models.work.actions import Action, Receipt
from retention.db.models.work.messages import Message
from retention.db.session import make_engine, reading, trying
from retention.delivery import selection as rounds
from retention.domain.actions import ActionState
from retention.domain.errors import PlanStaleError
from retention.domain.messages import CLAIMABLE_STATES
from retention.domain.runs import RunState
from retention.domain.sending import Spill
from retention.domain.summaries import PullSummary, as_json
from retention.ladder.decide_night import decide_night
from retention.messages.content_hash import content_of
from retention.messages.sender import Sender
from retention.nights import gate_overrides as gates
from retention.nights.gaps import blind_rules, gaps, strangers
from retention.nights.pull import pull
from retention.nights.score_shards import score_all
from retention.policies.load import Policies
from retention.runs import trust
from retention.snapshots import store as snapshots
from retention.snapshots.folders import Folders


def make_plan(
    engine: Engine, policies: Policies, folders: Folders, sender: Sender, as_of: date
) -> dict[str, Any]:
    """Return the summary and every move of a night that is not stored.

    Features and scores go to a folder that is removed; the decisions are rolled back. Raises what
    the night would raise.
    """
    on_paper = engine
    if not schema.prepare(engine):
        on_paper = make_engine("sqlite://")
        schema.upgrade(on_paper)
    with tempfile.TemporaryDirectory(prefix="retention-plan-") as folder:
        there = replace(folders, snapshots=Path(folder), staging=Path(folder) / "staging")
        _show_last_night(folders.snapshots, there.snapshots, as_of)
        with reading(on_paper) as session:
            if _is_done(session, as_of):
                return {"as_of": as_of.isoformat(), "done": True, "summary": None, "moves": []}
            history = trust.good_pulls(session, "nightly", policies.guards.history, as_of)
            accepted = gates.accepted(session, as_of)
            answers = answers_until(session, as_of, folders.timezone)
        pulled = pull(policies, there, as_of, history, accepted, answers)
        scored = score_all(policies.costs, there, pulled)
        people = snapshots.table_of(there.snapshots, as_of, snapshots.PEOPLE)
        managers = people.column("account_manager").to_pylist()
        with trying(on_paper) as session:
            decided = decide_night(session, policies, there, sender, pulled)
            summary = {"pull": as_json(pulled), "scores": as_json(scored),
                       "decisions": as_json(decided)}  # fmt: skip
            moves = moves_of(session, as_of)
            digest = digest_of(session, policies, pulled)
            waiting = _waiting(session, as_of)
            leaving = _delivery(session, policies, as_of)
    return {
        "as_of": as_of.isoformat(),
        "done": False,
        "digest": digest,
        "summary": summary,
        "moves": moves,
        "messages": _messages(moves),
        "waits_for": waiting,
        "delivery": leaving,
        "guards": _guards(summary),
        "examples": list(pulled.examples),
        "gaps": [
            *gaps(pulled.columns, pulled.tripped),
            *strangers(managers, policies.team),
            *blind_rules(folders.models, policies.playbooks.values(), as_of),
        ],
    }


def digest_of(session: Session, policies: Policies, pulled: PullSummary) -> str:
    """Return the hash of all that a night does: data, policies, moves, and the very messages."""
    session.flush()
    actions = session.scalars(
        select(Action)
        .where(Action.proposed_on == pulled.as_of)
        .options(joinedload(Action.case), joinedload(Action.rendering), joinedload(Action.offer))
        .order_by(Action.id)
    ).all()
    document = {
        "policies": policies.version,
        "data": as_json(pulled),
        "moves": moves_of(session, pulled.as_of),
        "contents": [content_of(action) for action in actions],
    }
    return sha256(canonical(document))


def require_planned(session: Session, policies: Policies, pulled: PullSummary, digest: str) -> None:
    """Raise PlanStaleError unless the night that was just decided is the one that was planned."""
    if digest_of(session, policies, pulled) != digest:
        raise PlanStaleError(
            f"the plan of {pulled.as_of}",
            "the night would do something else by now",
            "Nothing was stored. Make a new plan and look at it.",
        )


def _messages(moves: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return how many messages there would be, by template and language."""
    counts = Counter((m["what"], m["language"]) for m in moves if m["language"])
    return [
        {"template": t, "language": lang, "count": n} for (t, lang), n in sorted(counts.items())
    ]


def _waiting(session: Session, as_of: date) -> list[dict[str, Any]]:
    """Return who would wait for whom: by owner and roles, how many actions."""
    actions = session.scalars(
        select(Action).where(
            Action.proposed_on == as_of, Action.state == ActionState.PENDING_APPROVAL
        )
    )
    counts = Counter((a.owner, ", ".join(a.required_roles) or f"log a {a.kind}") for a in actions)
    return [{"owner": o, "waits_for": who, "count": n} for (o, who), n in sorted(counts.items())]


def _delivery(session: Session, policies: Policies, as_of: date) -> dict[str, Any]:
    """Return how the quota would spread what is ready to leave over the days after the night."""
    ready = session.scalar(
        select(func.count()).select_from(Message).where(
            Message.state.in_(sorted(CLAIMABLE_STATES)), Message.held_by.is_(None)
        )
    )  # fmt: skip
    first = as_of + timedelta(days=1)
    used = rounds.used_quota(session, datetime.combine(first, time(), UTC))
    spill = Spill(ready or 0, policies.sending.daily_quota, used)
    days = spill.days(first, policies.calendars.of_company(first))
    return {
        "ready": spill.ready,
        "quota": spill.quota,
        "used": used,
        "days": {day.isoformat(): count for day, count in days.items()},
    }


def _guards(summary: dict[str, Any]) -> list[str]:
    """Return what the guards would hold back, in words."""
    pull, decided = summary["pull"], summary["decisions"]
    said = [f"{table} is left out: {found}" for table, found in pull["tripped"].items()]
    said += [f"{name} waits for it" for name in pull["held_playbooks"]]
    said += [f"{effect}: {n} are too many, all of them are held"
             for effect, n in decided["over_cap"].items()]  # fmt: skip
    said += [f"{name} takes nobody: {found}" for name, found in decided["doubt"].items()]
    if decided["held_out"]:
        said.append(f"{decided['held_out']} customers are left untreated, to compare with")
    return said


def _show_last_night(real: Path, paper: Path, as_of: date) -> None:
    """The gate compares with the night before, so the plan must see it."""
    before = snapshots.latest_before(real, as_of)
    if before is not None:
        source = snapshots.folder(real, before)
        (paper / source.name).symlink_to(source.resolve(), target_is_directory=True)


def _is_done(session: Session, as_of: date) -> bool:
    run = session.scalars(
        select(Run).where(
            Run.flow == "nightly", Run.business_date == as_of, Run.state == RunState.COMPLETED
        )
    ).one_or_none()
    return run is not None


def moves_of(session: Session, as_of: date) -> list[dict[str, Any]]:
    """Return what a night has decided, wait by wait and move by move."""
    session.flush()
    receipts = session.scalars(
        select(Receipt)
        .where(Receipt.as_of == as_of)
        .order_by(Receipt.decision, Receipt.customer_id, Receipt.id)
    ).all()
    actions = {
        action.id: action
        for action in session.scalars(
            select(Action).where(Action.proposed_on == as_of).options(joinedload(Action.rendering))
        )
    }
    return [_move(receipt, actions.get(receipt.action_id or "")) for receipt in receipts]


def _move(receipt: Receipt, action: Action | None) -> dict[str, Any]:
    what = (action.template or action.kind.value) if action else None
    return {
        "customer_id": receipt.customer_id,
        "stage": receipt.document["stage"],
        "decision": receipt.decision.value,
        "what": what,
        "language": action.rendering.language if action and action.rendering else None,
        "waits_for": list(action.required_roles) if action else [],
        "reason": receipt.reason,
    }
