"""A new version of an offer: another fee, more time, another service than was proposed."""

from dataclasses import replace

from sqlalchemy.orm import Session

from retention.actions import offers
from retention.actions.completion import playbook_of
from retention.actions.escalation import escalate_written
from retention.actions.lifecycle import give_up
from retention.actions.proposing import Work, propose
from retention.db.models.work.actions import Action, Offer
from retention.db.models.work.cases import Case
from retention.db.queries import actions as action_queries
from retention.domain.actions import ActionState
from retention.domain.cases import CaseState
from retention.domain.errors import NotFoundError
from retention.domain.offer_revisions import Revision, revised
from retention.domain.offers import OfferKind, OfferState, Proposal, VoidReason
from retention.domain.people import Permission, Role, refuse
from retention.domain.playbook import OfferTerms, Step
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
    session: Session, action_id: str, actor: Actor, wish: Revision, sender: Sender, folders: Folders
) -> Action:
    """Propose something else than an offer does; somebody else has to approve the new message.

    One that still waits for approval is replaced, and so is one that was sent and not accepted.
    Raises NotAllowedError for what an offer of its kind does not have, for one that has gone too
    far or whose case has, and for what lies beyond its playbook.
    """
    old = action_queries.get(session, action_id, lock=True)
    subject = f"offer of action {old.id[:8]}"
    if not may(session, actor, Permission.ANSWER, old.owner):
        refuse(subject, f"'{actor.person.person_id}' may not revise it", f"Ask {old.owner}.")
    step, terms = _rule_of(session, old, actor, subject)
    case = action_queries.case_of(session, old)
    offer = _require_open(old, case, subject)
    was = Proposal(
        OfferKind(offer.kind), offer.current_fee, offer.new_fee, offer.expires_on, offer.detail
    )
    proposal = revised(was, wish, terms, actor.on, subject)
    work = _work_of(old, actor, sender, folders)
    offers.void(old, VoidReason.SUPERSEDED)
    give_up(session, [old], ActionState.SUPERSEDED)
    # Its author cannot approve it, so a director may in anybody's place.
    asked = tuple(slot | {Role.DIRECTOR} for slot in step.approval) or (frozenset({Role.DIRECTOR}),)
    made = propose(
        session, case, old.step or 0, replace(step, approval=asked), Terms(proposal), work,
        number=offer.version + 1,
    )  # fmt: skip
    escalate_written(made, actor.on)
    case.waiting_for = "step_pending_approval"
    actor.tell(session, "offer.revised", made, fee=proposal.new_fee, until=proposal.expires_on,
               detail=proposal.detail, instead_of=offer.id)  # fmt: skip
    return made


def _require_open(old: Action, case: Case, subject: str) -> Offer:
    """Return the offer of an action. Raises NotAllowedError when it can be changed no more."""
    offer = old.offer
    if offer is None:
        refuse(subject, "the message offers nothing", "Only an offer can be revised.")
    unsent = old.state is ActionState.PENDING_APPROVAL
    too_late = not unsent and offer.state not in _OPEN
    if too_late or case.state is not CaseState.OPEN or case.stage is not old.stage:
        refuse(subject, f"is {offer.state}, its case is {case.state}", "Too late to revise it.")
    waits = [a for a in case.actions if a.state is ActionState.PENDING_APPROVAL and a is not old]
    if any(a.template is not None for a in waits):  # what the customer wrote is no obstacle
        refuse(subject, "something else of the case waits for approval", "Decide that first.")
    return offer


def _rule_of(session: Session, old: Action, actor: Actor, subject: str) -> tuple[Step, OfferTerms]:
    if old.step is None:
        refuse(subject, "the message offers nothing", "Only an offer can be revised.")
    playbook = playbook_of(session, old, actor.policies)
    step = playbook.rule(old.stage).steps[old.step]
    terms = playbook.offers.get(step.offer or "")
    if terms is None:
        refuse(subject, "the message offers nothing", "Only an offer can be revised.")
    return step, terms


def _work_of(old: Action, actor: Actor, sender: Sender, folders: Folders) -> Work:
    """Return what writes the new message, from today's data. Raises NotFoundError."""
    rows = read_rows(folders.snapshots, folders.newest(), [old.customer_id])
    if old.customer_id not in rows:
        raise NotFoundError(
            f"customer '{old.customer_id}'", "is not in the newest night", "Wait for the data."
        )
    return Work(
        row=rows[old.customer_id],
        manager=actor.policies.team.get(old.owner),
        sender=sender,
        days_of=actor.policies.calendars.of_company(actor.on),
        as_of=actor.on,
        author=actor.person.person_id,
        at=actor.now,
    )
