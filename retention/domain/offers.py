"""What a proposal offers a customer, and what the customer may answer."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Decimal
from enum import StrEnum

from retention.domain.dates import month_end
from retention.domain.playbook import OfferTerms

_CENT = Decimal("0.01")
_MONTHS = 12
_TO_PREPARE = timedelta(days=14)


class OfferKind(StrEnum):
    """What changes: the price, the form of payment, the service, the channel, or the provider."""

    PRICE = "price"
    PREPAID = "prepaid"
    SERVICE = "service"
    CHANNEL = "channel"
    PARTNER = "partner"


class OfferState(StrEnum):
    """Where a version of an offer stands."""

    DRAFT = "draft"
    APPROVED = "approved"
    SENT = "sent"
    VIEWED = "viewed"
    COUNTERED = "countered"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    EXPIRED = "expired"
    VOIDED = "voided"


_O = OfferState
_ANSWERS = frozenset({_O.ACCEPTED, _O.COUNTERED, _O.DECLINED, _O.EXPIRED})

OFFER_MOVES: dict[OfferState, frozenset[OfferState]] = {
    _O.DRAFT: frozenset({_O.APPROVED, _O.VOIDED}),
    _O.APPROVED: frozenset({_O.SENT, _O.DRAFT, _O.VOIDED}),
    _O.SENT: frozenset({_O.VIEWED, _O.VOIDED}) | _ANSWERS,
    _O.VIEWED: frozenset({_O.VOIDED}) | _ANSWERS,
    # A customer may change their mind while the offer stands; the later answer counts.
    _O.COUNTERED: frozenset({_O.VOIDED}) | _ANSWERS - {_O.COUNTERED},
    _O.DECLINED: frozenset({_O.ACCEPTED, _O.COUNTERED, _O.VOIDED}),
    _O.ACCEPTED: frozenset({_O.DECLINED, _O.COUNTERED, _O.VOIDED}),
    _O.EXPIRED: frozenset({_O.ACCEPTED}),
    _O.VOIDED: frozenset(),
}


class VoidReason(StrEnum):
    """Why a version no longer counts."""

    MANUAL = "manual"
    SUPERSEDED = "superseded"
    CASE_MOVED_ON = "case_moved_on"
    NOT_SENT = "not_sent"


class Answer(StrEnum):
    """What a customer may say to an offer. `ask` leaves it open."""

    ACCEPT = "accept"
    COUNTER = "counter"
    DECLINE = "decline"
    ASK = "ask"


STATE_AFTER: dict[Answer, OfferState] = {
    Answer.ACCEPT: _O.ACCEPTED,
    Answer.COUNTER: _O.COUNTERED,
    Answer.DECLINE: _O.DECLINED,
}


@dataclass(frozen=True, slots=True)
class Proposal:
    """A concrete offer. Amounts are per month, in the contract's currency.

    `new_fee` is None where the fee does not change; `detail` names the service level, the channel
    or the partner.
    """

    kind: OfferKind
    current_fee: Decimal | None
    new_fee: Decimal | None
    expires_on: date
    detail: str | None = None


def starts_on(expires_on: date) -> date:
    """Return from when an offer holds that is accepted in time: the first day of a month.

    Who accepts on the last day has a fortnight before anything changes, or is paid in advance.
    """
    return month_end(expires_on + _TO_PREPARE) + timedelta(days=1)


def make_offer(
    terms: OfferTerms, monthly_fee: Decimal | None, net_profit_12m: Decimal | None, today: date
) -> Proposal | None:
    """Return the offer, or None when the data gives nothing to compute it from.

    `price`: the fee rises by a twelfth of last year's loss, rounded up to the cent, and never by
    more than `max_change`. `prepaid`: the fee falls by `discount`. The others leave the fee alone.
    """
    kind, expires_on = OfferKind(terms.kind), terms.expires.after(today)
    if kind not in (OfferKind.PRICE, OfferKind.PREPAID):
        return Proposal(kind, monthly_fee, None, expires_on, terms.detail)
    if monthly_fee is None or monthly_fee <= 0:
        return None
    if kind is OfferKind.PREPAID:
        new_fee = monthly_fee * (1 - Decimal(str(terms.discount)))
        return Proposal(kind, monthly_fee, _round(new_fee), expires_on)
    if net_profit_12m is None or net_profit_12m >= 0:
        return None
    ceiling = monthly_fee * (1 + Decimal(str(terms.max_change)))
    wanted = monthly_fee + (-net_profit_12m / _MONTHS).quantize(_CENT, ROUND_CEILING)
    return Proposal(kind, monthly_fee, _round(min(wanted, ceiling)), expires_on)


def _round(amount: Decimal) -> Decimal:
    return amount.quantize(_CENT, ROUND_HALF_EVEN)
