"""What people do about a customer from their page: log a talk, ask to skip a stage, hand over."""

from starlette.responses import Response

from retention.actions import calls_beside_steps, handover_offers
from retention.cases import waivers
from retention.db.queries.cases import open_case_of
from retention.domain.stages import Stage
from retention.web.console.deciding import one_of
from retention.web.visit import Visit


def log_call(visit: Visit) -> Response:
    """Write down a conversation that no step has asked for."""
    customer_id = visit.request.path_params["id"]
    calls_beside_steps.log_call(visit.session, customer_id, visit.actor,
                                owner=visit.owner_of(customer_id),
                                reaction=visit.typed("said"))  # fmt: skip
    return visit.go(f"/customers/{customer_id}")


def ask_waiver(visit: Visit) -> Response:
    """Ask to skip a stage; a second person decides."""
    customer_id = visit.request.path_params["id"]
    case = open_case_of(visit.session, customer_id)
    waivers.request(visit.session, case, one_of(Stage, visit.typed("stage")), visit.actor,
                    reason=visit.typed("reason"), owner=visit.owner_of(customer_id))  # fmt: skip
    return visit.go(f"/customers/{customer_id}")


def offer_handover(visit: Visit) -> Response:
    """Offer a customer a place at a partner."""
    customer_id, shop = visit.request.path_params["id"], visit.shop
    handover_offers.offer_handover(visit.session, customer_id, visit.typed("to"), visit.actor,
                                   shop.sender, shop.folders,
                                   owner=visit.owner_of(customer_id))  # fmt: skip
    return visit.go(f"/customers/{customer_id}")
