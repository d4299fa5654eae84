"""Last night: what was read, moved, proposed and held, and why; batches to release, waivers."""

from typing import Any

from starlette.responses import Response

from retention.cases import handovers, waivers
from retention.db.models.work.cases import Case
from retention.domain.errors import NotFoundError
from retention.domain.handovers import HandoverState
from retention.domain.people import Permission, Role, refuse
from retention.environment import runs_address
from retention.ladder import held_batches
from retention.people.actor import may
from retention.runs.history import list_nights, summary_of
from retention.web.console.deciding import one_of
from retention.web.visit import Visit

_NIGHTLY, _NIGHTS = "nightly", 14
_RUN_IT = (Role.OPS, Role.DIRECTOR, Role.AUDITOR)


def show_tonight(visit: Visit) -> Response:
    """Show the newest night beside the one before, and what it has held back."""
    nights = list_nights(visit.session, _NIGHTLY, _NIGHTS)
    summaries = [_summary(visit, night.as_of) for night in nights[:2]]
    batches = held_batches.list_open(visit.session)
    return visit.page(
        "tonight.html",
        nights=nights,
        night=summaries[0] if summaries else None,
        before=summaries[1] if len(summaries) > 1 else {},
        batches=[(b, _seen(visit, b.customers)) for b in batches],
        waivers=[(w, c) for w, c in waivers.list_requested(visit.session) if _sees(visit, c)],
        handovers=[
            h for h in handovers.list_all(visit.session)[:200] if _sees(visit, h.customer_id)
        ],
        handover_states=list(HandoverState),
        partners=visit.shop.policies.partners,
        may_look=visit.is_one_of(*_RUN_IT, Role.FINANCE),
        runs=runs_address(visit.shop.settings.prefect_dir) if visit.is_one_of(*_RUN_IT) else None,
    )


def _sees(visit: Visit, customer_id: str) -> bool:
    return may(visit.session, visit.actor, Permission.SEE, visit.owner_of(customer_id))


def _seen(visit: Visit, customers: list[str]) -> dict[str, dict[str, Any]]:
    """Return those of a batch whom this person may see, at most some of them."""
    rows = visit.people.rows(set(customers))
    return {c: rows[c] for c in customers if c in rows and _sees(visit, c)}


def _summary(visit: Visit, as_of: Any) -> dict[str, Any]:
    try:
        return summary_of(visit.session, _NIGHTLY, as_of)
    except NotFoundError:  # it was held or failed; the list of nights says why
        return {}


def decide_batch(visit: Visit) -> Response:
    """Release a held batch, or refuse it."""
    batch = held_batches.get(visit.session, visit.request.path_params["id"])
    if visit.typed("to") == "release" and visit.typed("deliberate") != "yes":
        refuse("the batch", "was not confirmed", "Say that you have looked at all of them.")
    decide = held_batches.release if visit.typed("to") == "release" else held_batches.turn_down
    decide(visit.session, batch, visit.person, visit.typed("reason"), visit.now)
    return visit.go("/tonight#held")


def decide_waiver(visit: Visit) -> Response:
    """Agree that a stage is skipped, or refuse it."""
    waiver = waivers.get(visit.session, visit.request.path_params["id"])
    customer = visit.session.get_one(Case, waiver.case_id).customer_id
    waivers.decide(visit.session, waiver.id, visit.actor, granted=visit.typed("to") == "grant",
                   note=visit.typed("note"), owner=visit.owner_of(customer))  # fmt: skip
    return visit.go("/tonight#waivers")


def move_handover(visit: Visit) -> Response:
    """Record the next step of a hand-over."""
    found = handovers.get(visit.session, visit.request.path_params["id"])
    handovers.move(visit.session, found.id, visit.actor, one_of(HandoverState, visit.typed("to")),
                   visit.typed("note"), owner=visit.owner_of(found.customer_id))  # fmt: skip
    return visit.go("/tonight#handovers")
