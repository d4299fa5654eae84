"""What a night would do: the very same code, on paper."""

import tempfile
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session, joinedload

from retention.db import schema, snapshots
from retention.db.models import Action, Receipt, Run
from retention.db.session import make_engine, reading, trying
from retention.domain.runs import RunState
from retention.domain.summaries import as_json
from retention.services import gates, runs
from retention.services.composing import Sender
from retention.services.night import decide_night
from retention.services.nightly import pull
from retention.services.places import Places
from retention.services.policies import Policies
from retention.services.scores import score_all


def make_plan(
    engine: Engine, policies: Policies, places: Places, sender: Sender, as_of: date
) -> dict[str, Any]:
    """Return the summary and every move of a night that is not stored.

    Features and scores go to a folder that is removed; the decisions are rolled back. Raises what
    the night would raise.
    """
    on_paper = engine
    if not schema.exists(engine):
        on_paper = make_engine("sqlite://")
        schema.upgrade(on_paper)
    with tempfile.TemporaryDirectory(prefix="retention-plan-") as folder:
        there = replace(places, snapshots=Path(folder), staging=Path(folder) / "staging")
        _show_last_night(places.snapshots, there.snapshots, as_of)
        with reading(on_paper) as session:
            if _is_done(session, as_of):
                return {"as_of": as_of.isoformat(), "done": True, "summary": None, "moves": []}
            history = runs.good_pulls(session, "nightly", policies.guards.history)
            accepted = gates.accepted(session, as_of)
        pulled = pull(policies, there, as_of, history, accepted)
        scored = score_all(policies.costs, there, pulled)
        with trying(on_paper) as session:
            decided = decide_night(session, policies, there, sender, pulled)
            summary = {"pull": as_json(pulled), "scores": as_json(scored),
                       "decisions": as_json(decided)}  # fmt: skip
            moves = _moves(session, as_of)
    return {"as_of": as_of.isoformat(), "done": False, "summary": summary, "moves": moves}


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


def _moves(session: Session, as_of: date) -> list[dict[str, Any]]:
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
