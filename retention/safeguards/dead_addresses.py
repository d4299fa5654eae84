"""Addresses that nothing more is sent to."""

from collections.abc import Collection

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from retention.db.models import DeadAddress

_DEAD = select(DeadAddress.address).where(DeadAddress.released_at.is_(None))


_DEAD_OF = _DEAD.where(DeadAddress.address.in_(bindparam("addresses", expanding=True)))


def dead(session: Session, addresses: Collection[str] | None = None) -> set[str]:
    """Return the addresses that do not take our mail: of the given ones, or all of them."""
    if addresses is None:
        return set(session.scalars(_DEAD))
    wanted = {"addresses": [address.casefold() for address in addresses]}
    return set(session.scalars(_DEAD_OF, wanted))
