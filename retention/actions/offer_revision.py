"""A new version of an offer: somebody answers a counter-offer with another fee."""

from dataclasses import replace
from decimal import Decimal

from sqlalchemy.orm import Session

from retention.actions import offers
from retention.actions.completion import playbook_of
from retention.actions.proposing import Work, propose
from retention.db.models.work.actions import Action
from retention.db.queries import actions as action_queries
from retention.domain.actions import ActionState
from retention.domain.cases import CaseState
from retention.domain.errors import NotFoundError
from retention.domain.offers import OfferKind, OfferState, Proposal, VoidReason
from retention.domain.people import Permission, Role, refuse
from retention.messages.sender import Sender
from retention.messages.terms import Terms
from retention.people.actor import Actor, may
from retention.snapshots.customers import read_rows
from retention.snapshots.folders import Folders

_OPEN = frozenset(
    {OfferState.SENT, OfferState.VIEWED, OfferState.COUNTERED, OfferState.DECLINED,
     OfferState.EXPIRED}
)  # fmt: skip


def revise(
    session: Session, action_id: str, actor: Actor, fee: Decimal, sender: Sender, folders: Folders
) -> Action:
    """Propose another fee instead of an offer's; somebody else has to approve the new message.

    The version before it is superseded. Raises NotAllowedError for an offer that has no fee, was
    not sent or was accepted, for a case that has moved on, and for a fee beyond the playbook's.
    """
    old = action_queries.get(session, action_id, lock=True)
    subject = f"offer of action {old.id[:8]}"
    if not may(session, actor, Permission.ANSWER, old.owner):
        refuse(subject, f"'{actor.person.person_id}' may not revise it", f"Ask {old.owner}.")
    playbook = playbook_of(session, old, actor.policies)
    offer, case = old.offer, action_queries.case_of(session, old)
    if old.step is None or offer is None or offer.new_fee is None or offer.current_fee is None:
        refuse(subject, "it names no fee", "Only a fee can be revised.")
    if offer.state not in _OPEN or case.state is not CaseState.OPEN or case.stage is not old.stage:
        refuse(subject, f"is {offer.state}, its case is {case.state}", "Too late to revise it.")
    waits = [a for a in case.actions if a.state is ActionState.PENDING_APPROVAL]
    if any(a.template is not None for a in waits):  # what the customer wrote is no obstacle
        refuse(subject, "something else of the case waits for approval", "Decide that first.")
    step = playbook.rule(old.stage).steps[old.step]
    terms = playbook.offers[step.offer or ""]
    most = offer.current_fee * (1 + Decimal(str(terms.max_change)))
    if not 0 < fee <= most:
        refuse(subject, f"a fee of {fee} is not between 0 and {most:.2f}", "Offer less.")
    rows = read_rows(folders.snapshots, folders.newest(), [old.customer_id])
    if old.customer_id not in rows:
        raise NotFoundError(
            f"customer '{old.customer_id}'", "is not in the newest night", "Wait for the data."
        )
    proposal = Proposal(
        OfferKind(offer.kind), offer.current_fee, fee, terms.expires.after(actor.on)
    )
    offers.void(old, VoidReason.SUPERSEDED)
    work = Work(
        row=rows[old.customer_id],
        manager=actor.policies.team.get(old.owner),
        sender=sender,
        days_of=actor.policies.calendars.of_company(actor.on),
        as_of=actor.on,
        author=actor.person.person_id,
        at=actor.now,
    )
    # Its author cannot approve it, so a director may in anybody's place.
    asked = tuple(slot | {Role.DIRECTOR} for slot in step.approval) or (frozenset({Role.DIRECTOR}),)
    made = propose(
        session, case, old.step, replace(step, approval=asked), Terms(proposal), work,
        number=offer.version + 1,
    )  # fmt: skip
    case.waiting_for = "step_pending_approval"
    actor.tell(session, "offer.revised", made, fee=fee, instead_of=offer.id)
    return made
