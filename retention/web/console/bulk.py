"""Several messages at once: first a sheet that says what is in the bag and what is not, and why."""

from collections import Counter
from decimal import Decimal
from typing import Any

from starlette.responses import Response

from retention.actions import bulk_approval
from retention.db.models.work.actions import Action
from retention.db.queries import actions as action_queries
from retention.domain.actions import ActionState
from retention.domain.people import Permission, refuse
from retention.domain.stages import ADVERSE_STAGES
from retention.people.actor import may
from retention.web.console.queue import Asked
from retention.web.visit import Visit
from retention.web.wording import N_

_SAMPLES = 3
WHY_NOT: dict[str, str] = {
    "adverse": N_("is adverse: each is looked at by itself"),
    "not_waiting": N_("does not wait for an approval"),
    "too_many": N_("is over the limit of one bag"),
}


def show_bulk(visit: Visit) -> Response:
    """Show what a bag holds: counts by kind and language, the sum, samples, what is left out."""
    chosen = [value for _, value in visit.form.multi_items() if _ == "pick"]
    kept, out = _sorted_out(visit, [str(value) for value in chosen])
    if not chosen:
        refuse("the bag", "is empty", "Choose some items of the list first.")
    people = visit.people.rows({action.customer_id for action in [*kept, *(a for a, _ in out)]})
    profits = _profits(people, kept)
    return visit.page(
        "bulk.html",
        asked=Asked.of(visit),
        kept=kept,
        out=[(action, WHY_NOT[why]) for action, why in out],
        people=people,
        counts=Counter((a.template, a.rendering.language) for a in kept if a.rendering),
        total=sum(profits, Decimal(0)),
        unknown=len({action.customer_id for action in kept}) - len(profits),
        samples=_samples(kept),
        limit=visit.shop.policies.approvals.bulk,
    )


def approve_bulk(visit: Visit) -> Response:
    """Approve a bag as a whole, or nothing of it."""
    ids = [str(value) for name, value in visit.form.multi_items() if name == "pick"]
    for action_id in ids:
        _seen(visit, action_id)
    bulk_approval.approve_all(visit.session, ids, visit.actor)
    return visit.go(f"/queue?{Asked.of(visit).query(done='bulk', n=len(ids))}")


def _sorted_out(visit: Visit, ids: list[str]) -> tuple[list[Action], list[tuple[Action, str]]]:
    kept: list[Action] = []
    out: list[tuple[Action, str]] = []
    for action_id in dict.fromkeys(ids):
        action = _seen(visit, action_id)
        why = _why_not(visit, action, len(kept))
        if why is None:
            kept.append(action)
        else:
            out.append((action, why))
    return kept, out


def _why_not(visit: Visit, action: Action, kept: int) -> str | None:
    if action.state is not ActionState.PENDING_APPROVAL or action.rendering is None:
        return "not_waiting"
    if action.stage in ADVERSE_STAGES:
        return "adverse"
    return "too_many" if kept >= visit.shop.policies.approvals.bulk else None


def _seen(visit: Visit, action_id: str) -> Action:
    action = action_queries.get(visit.session, action_id)
    if not may(visit.session, visit.actor, Permission.SEE, action.owner):
        refuse(f"action {action.id[:8]}", "is not on one of your accounts", f"Ask {action.owner}.")
    return action


def _samples(kept: list[Action]) -> list[Action]:
    """Return one of each template first, then others: at most three."""
    firsts = {action.template: action for action in reversed(kept)}
    rest = [action for action in kept if action not in firsts.values()]
    return [*firsts.values(), *rest][:_SAMPLES]


def _profits(people: dict[str, dict[str, Any]], actions: list[Action]) -> list[Decimal]:
    """Return the year's profit of each customer of whom it is known, once."""
    found = [people.get(who, {}).get("net_profit_12m") for who in {a.customer_id for a in actions}]
    return [Decimal(value) for value in found if value is not None]
