"""Tables that are not to be trusted: look at the sources now, and accept what is right."""

from datetime import date, timedelta

from starlette.responses import Response

from retention.db.session import writing
from retention.domain.people import Permission
from retention.domain.runs import RunState
from retention.nights import gate_overrides
from retention.runs.history import list_nights
from retention.web.console.deciding import day_of
from retention.web.visit import Visit


def show_gates(visit: Visit) -> Response:
    """Read the sources and show what each table's gate says of the night that would run."""
    day = _night(visit)
    history = gate_overrides.history(visit.session, visit.shop.policies.guards.history)
    found = gate_overrides.look(visit.shop.policies, visit.shop.folders, day, history)
    accepted = gate_overrides.accepted(visit.session, day)
    by = {t["table"]: _accepter(accepted, t["table"], t["found"]) for t in found["tables"]}
    return visit.page("gates.html", day=day, found=found, accepted_by=by,
                      doubt=gate_overrides.doubt_of(visit.session),
                      may_accept=visit.person.may(Permission.ACCEPT_DATA))  # fmt: skip


def _accepter(accepted: dict[tuple[str, str], str], table: str, found: str | None) -> str | None:
    """Return who has accepted what is found of a table; examples stand behind it."""
    return next(
        (who for (name, what), who in accepted.items()
         if name == table and (found or "").startswith(what)), None,
    )  # fmt: skip


def _night(visit: Visit) -> date:
    """The night that runs next: last night's when it was held, failed or missed, else tonight's."""
    last = visit.actor.on - timedelta(days=1)
    newest = next(iter(list_nights(visit.session, "nightly", 1)), None)
    if newest is None or newest.as_of < last:
        return last
    return newest.as_of if newest.state in (RunState.HELD, RunState.FAILED) else visit.actor.on


def accept_gate(visit: Visit) -> Response:
    """Accept what the gate of a table finds, for one night; the sources are read once more."""
    shop, day = visit.shop, day_of(visit.typed("as_of"), "the night")
    history = gate_overrides.history(visit.session, shop.policies.guards.history)
    trip = gate_overrides.trip_of(shop.policies, shop.folders, visit.request.path_params["table"],
                                  day, history, gate_overrides.doubt_of(visit.session))  # fmt: skip
    with writing(shop.engine) as session:  # the one of the page only reads: sources take time
        gate_overrides.accept(session, trip, visit.person, visit.typed("reason"), day, visit.now)
    return visit.go("/data/gates")
