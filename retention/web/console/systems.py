"""Other systems: what they have told us, what they are told, and what waits for them."""

from sqlalchemy import select
from starlette.responses import Response

from retention.actions import offers
from retention.db.models.customer_pages import ReceivedEvent
from retention.web.visit import Visit
from retention.webhooks import deliveries

_SHOWN = 100


def show_systems(visit: Visit) -> Response:
    """Show events in, webhooks out, and accepted offers that no system shows yet."""
    waiting = offers.waiting_for_confirmation(visit.session)
    people = visit.people.rows([action.customer_id for _, action in waiting])
    came = select(ReceivedEvent).order_by(ReceivedEvent.received_at.desc(), ReceivedEvent.id)
    return visit.page(
        "systems.html",
        receivers=visit.shop.receivers,
        gateways=sorted(visit.shop.gateways),
        told=deliveries.latest(visit.session, _SHOWN),
        came=visit.session.scalars(came.limit(_SHOWN)).all(),
        waiting=[
            {
                "offer": offer,
                "customer_id": action.customer_id,
                "name": people.get(action.customer_id, {}).get("name") or action.customer_id,
                "days": (visit.actor.on - offer.answered_on).days if offer.answered_on else 0,
            }
            for offer, action in waiting[:_SHOWN]
        ],
        most=_SHOWN,
        done=visit.asked("done"),
    )


def replay(visit: Visit) -> Response:
    """Tell a receiver of an event once more."""
    path = visit.request.path_params
    deliveries.replay(visit.session, path["id"], path["receiver"], visit.person, visit.now)
    return visit.go("/systems?done=replayed")
