"""What people do about a customer from their page: log a talk, ask to skip a stage, hand over."""

from starlette.responses import Response

from retention.actions import calls_beside_steps, handover_offers
from retention.cases import waivers
from retention.db.queries.cases import open_case_of
from retention.domain.stages import Stage
from retention.web.console.customer import require_seen
from retention.web.console.deciding import one_of
from retention.web.visit import Visit


def _theirs(visit: Visit) -> tuple[str, str]:
    """Return the customer of the address and whose they are; others learn nothing of them."""
    customer_id = visit.request.path_params["id"]
    owner = visit.owner_of(customer_id)
    require_seen(visit, owner, customer_id)
    return customer_id, owner


def log_call(visit: Visit) -> Response:
    """Write down a conversation that no step has asked for."""
    customer_id, owner = _theirs(visit)
    calls_beside_steps.log_call(visit.session, customer_id, visit.actor,
                                owner=owner,
                                reaction=visit.typed("said"))  # fmt: skip
    return visit.go(f"/customers/{customer_id}")


def ask_waiver(visit: Visit) -> Response:
    """Ask to skip a stage; a second person decides."""
    customer_id, owner = _theirs(visit)
    case = open_case_of(visit.session, customer_id)
    waivers.request(visit.session, case, one_of(Stage, visit.typed("stage")), visit.actor,
                    reason=visit.typed("reason"), owner=owner)  # fmt: skip
    return visit.go(f"/customers/{customer_id}")


def offer_handover(visit: Visit) -> Response:
    """Offer a customer a place at a partner."""
    customer_id, owner = _theirs(visit)
    shop = visit.shop
    handover_offers.offer_handover(visit.session, customer_id, visit.typed("to"), visit.actor,
                                   shop.sender, shop.folders,
                                   owner=owner)  # fmt: skip
    return visit.go(f"/customers/{customer_id}")
