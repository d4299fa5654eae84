"""What a customer says to an offer: recorded, and confirmed to them in writing."""

from datetime import timedelta
from decimal import Decimal

from sqlalchemy.orm import Session

from retention.actions import offers
from retention.actions.acknowledgements import confirm
from retention.db.models.work.actions import Action, Offer
from retention.domain.offers import Answer, OfferKind, starts_on
from retention.messages.rendering import Plain
from retention.messages.sender import Sender
from retention.messages.terms import Terms
from retention.people.actor import Author
from retention.policies.load import Policies
from retention.safeguards.exclusions import CUSTOMER
from retention.snapshots.folders import Folders


def record_answer(
    session: Session,
    action: Action,
    author: Author,
    said: Answer,
    policies: Policies,
    sender: Sender,
    folders: Folders,
    *,
    counter_fee: Decimal | None = None,
    note: str = "",
) -> Offer:
    """Record what a customer says to the offer of an action, and confirm it to them in writing.

    Raises what `offers.answer` raises. A customer to whom nothing can be written gets no receipt.
    """
    own = author.name == CUSTOMER  # what a colleague writes down was said in person
    grace = policies.conversations.grace if own else timedelta()
    offer = offers.answer(
        session, action, author, said, counter_fee=counter_fee, note=note, grace=grace
    )
    fee = counter_fee if said is Answer.COUNTER else offer.new_fee
    workdays = policies.calendars.of_company(author.on)
    receipt: dict[str, Plain] = {
        "said": said.value,
        "new_fee": fee,
        "until": offers.answerable_until(offer),
        "prepaid": offer.kind is OfferKind.PREPAID,
        "starts_on": starts_on(offer.expires_on),
        "answer_by": policies.conversations.answer_within.after(author.on, workdays),
    }
    confirm(session, action, author, policies, sender, folders, Terms(more={"receipt": receipt}))
    return offer
