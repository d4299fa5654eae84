"""What may be offered instead of an offer: within its playbook, and never hastier than it."""

from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from retention.domain.offers import OfferKind, Proposal
from retention.domain.people import refuse
from retention.domain.playbook import OfferTerms

_NAMED = frozenset({OfferKind.SERVICE, OfferKind.CHANNEL})
_LONGEST = 120


@dataclass(frozen=True, slots=True)
class Revision:
    """What is offered instead; None stays as it is.

    `fee` per month, `until` the last day on which it can be accepted, `detail` the service or the
    channel.
    """

    fee: Decimal | None = None
    until: date | None = None
    detail: str | None = None


def revised(
    was: Proposal, wish: Revision, terms: OfferTerms, today: date, subject: str
) -> Proposal:
    """Return the new version of an offer that is made `today`; `subject` names it in a refusal.

    A fee rises by at most the playbook's `max_change`. Who reads it has at least as long as the
    playbook gives, and at most twice as long. Raises NotAllowedError.
    """
    if wish == Revision():
        refuse(subject, "nothing would change", "Say another fee, day or service.")
    made = replace(was, expires_on=_until(wish.until, was.expires_on, terms, today, subject))
    if wish.fee is not None:
        made = replace(made, new_fee=_fee(was, wish.fee, terms, subject))
    if wish.detail is not None:
        made = replace(made, detail=_detail(was, wish.detail, subject))
    return made


def _until(until: date | None, was: date, terms: OfferTerms, today: date, subject: str) -> date:
    soonest = terms.expires.after(today)
    latest = terms.expires.after(soonest)
    if until is not None and not soonest <= until <= latest:
        refuse(subject, f"{until} is not between {soonest} and {latest}", "Choose another day.")
    return until or min(max(was, soonest), latest)


def _fee(was: Proposal, fee: Decimal, terms: OfferTerms, subject: str) -> Decimal:
    if was.new_fee is None or was.current_fee is None:
        refuse(subject, "it names no fee", "Change its last day or its service.")
    most = was.current_fee * (1 + Decimal(str(terms.max_change)))
    if not 0 < fee <= most:
        refuse(subject, f"a fee of {fee} is not between 0 and {most:.2f}", "Offer less.")
    return fee


def _detail(was: Proposal, detail: str, subject: str) -> str:
    said = detail.strip()
    if was.kind not in _NAMED:
        refuse(subject, f"is about the {was.kind}, not about a service", "Change its fee.")
    if not said or len(said) > _LONGEST or not said.isprintable():
        refuse(subject, f"a service is named in 1 to {_LONGEST} characters", "Write it shorter.")
    return said
