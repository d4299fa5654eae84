"""Offer a customer a place at a partner: the hand-over, and the message that tells of it."""

from sqlalchemy.orm import Session

from retention.actions import acknowledgements
from retention.cases import handovers
from retention.db.models.exemptions import Handover
from retention.db.queries.cases import open_case_of
from retention.domain.errors import NotFoundError
from retention.domain.handovers import Partner
from retention.messages.sender import Sender
from retention.people.actor import Actor
from retention.policies.load import Policies
from retention.snapshots.folders import Folders
from retention.snapshots.people import people_of


def offer_handover(
    session: Session,
    customer_id: str,
    partner_id: str,
    actor: Actor,
    sender: Sender,
    folders: Folders,
    *,
    owner: str,
) -> Handover:
    """Offer a hand-over and propose the message about it; the newest night says who they are.

    Raises NotFoundError for an unknown partner or no open case, and what `handovers.offer` raises.
    """
    partner = _partner(actor.policies, partner_id)
    person = people_of(folders.snapshots, {customer_id}).get(customer_id, {})
    case = open_case_of(session, customer_id)
    place = (person.get("country"), person.get("kind"))
    row = handovers.offer(session, case, partner, actor, place=place, owner=owner)
    acknowledgements.propose_handover(
        session, case.id, partner, actor.author, actor.policies, sender, folders
    )
    return row


def _partner(policies: Policies, named: str) -> Partner:
    if named not in policies.partners:
        known = ", ".join(sorted(policies.partners)) or "none"
        where = f"partner '{named}'"
        raise NotFoundError(where, "is not in config/partners.yaml", f"Known: {known}.")
    return policies.partners[named]
