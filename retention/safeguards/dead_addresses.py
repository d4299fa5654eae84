"""The only writer of dead addresses: those that nothing more is sent to."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from retention.db.models import DeadAddress

_DEAD = select(DeadAddress.address).where(DeadAddress.released_at.is_(None))


_DEAD_OF = _DEAD.where(DeadAddress.address.in_(bindparam("addresses", expanding=True)))


def note(session: Session, address: str, customer_id: str, reason: str, found_at: datetime) -> None:
    """Write down that an address takes our mail no more, also when it was released before."""
    found = session.get(DeadAddress, address)
    if found is None:
        found = DeadAddress(address=address, customer_id=customer_id)
        session.add(found)
    found.reason, found.found_at = reason, found_at
    found.released_at, found.released_by = None, None


def dead(session: Session, addresses: Collection[str] | None = None) -> set[str]:
    """Return the addresses that do not take our mail: of the given ones, or all of them."""
    if addresses is None:
        return set(session.scalars(_DEAD))
    wanted = {"addresses": [address.casefold() for address in addresses]}
    return set(session.scalars(_DEAD_OF, wanted))
