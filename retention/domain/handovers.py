"""Handing a customer over to a partner: done only when the partner says so."""

from dataclasses import dataclass
from enum import StrEnum


class HandoverState(StrEnum):
    """Where a hand-over stands. `consented` means the customer agreed to pass the data on."""

    OFFERED = "offered"
    CONSENTED = "consented"
    REQUESTED = "requested"
    CONFIRMED = "confirmed"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


_H = HandoverState
_NO = frozenset({_H.REFUSED, _H.WITHDRAWN})

HANDOVER_MOVES: dict[HandoverState, frozenset[HandoverState]] = {
    _H.OFFERED: frozenset({_H.CONSENTED}) | _NO,
    _H.CONSENTED: frozenset({_H.REQUESTED}) | _NO,
    _H.REQUESTED: frozenset({_H.CONFIRMED}) | _NO,
    _H.CONFIRMED: frozenset(),
    _H.REFUSED: frozenset(),
    _H.WITHDRAWN: frozenset(),
}

TAKES_A_PLACE: frozenset[HandoverState] = frozenset(
    {_H.OFFERED, _H.CONSENTED, _H.REQUESTED, _H.CONFIRMED}
)
"""States that count against a partner's capacity."""


@dataclass(frozen=True, slots=True)
class Partner:
    """A company that may take customers over. Empty `countries` or `kinds` mean all."""

    partner_id: str
    name: str
    email: str
    phone: str
    capacity: int
    countries: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()

    def takes(self, country: str | None, kind: str | None) -> bool:
        """Return whether a customer fits; one whose country is not known fits no restriction."""
        in_country = not self.countries or country in self.countries
        return in_country and (not self.kinds or kind in self.kinds)
