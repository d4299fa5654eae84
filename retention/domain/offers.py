"""What a proposal offers a customer, computed from the contract and last year's loss."""

from dataclasses import dataclass
from datetime import date
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Decimal

from retention.domain.playbook import OfferTerms

_CENT = Decimal("0.01")
_MONTHS = 12


@dataclass(frozen=True, slots=True)
class Offer:
    """A concrete offer: amounts in the contract's currency, per month."""

    kind: str
    current_fee: Decimal
    new_fee: Decimal
    expires_on: date


def make_offer(
    terms: OfferTerms, monthly_fee: Decimal | None, net_profit_12m: Decimal | None, today: date
) -> Offer | None:
    """Return the offer, or None when the contract gives nothing to compute it from.

    `price`: the fee rises by a twelfth of last year's loss, rounded up to the cent, and never by
    more than `max_change`. `prepaid`: the fee falls by `discount`.
    """
    if monthly_fee is None or monthly_fee <= 0:
        return None
    if terms.kind == "prepaid":
        new_fee = monthly_fee * (1 - Decimal(str(terms.discount)))
        return Offer("prepaid", monthly_fee, _round(new_fee), terms.expires.after(today))
    if net_profit_12m is None or net_profit_12m >= 0:
        return None
    ceiling = monthly_fee * (1 + Decimal(str(terms.max_change)))
    wanted = monthly_fee + (-net_profit_12m / _MONTHS).quantize(_CENT, ROUND_CEILING)
    return Offer("price", monthly_fee, _round(min(wanted, ceiling)), terms.expires.after(today))


def _round(amount: Decimal) -> Decimal:
    return amount.quantize(_CENT, ROUND_HALF_EVEN)
