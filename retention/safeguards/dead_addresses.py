"""The only writer of dead addresses: those that nothing more is sent to, until somebody lets them.

When many addresses of one provider die within an hour, it is us that the provider refuses: nobody's
address ends, and mail to that provider waits for a person.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, bindparam, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from retention.db.models.audit import AuditEvent, AuditRecord
from retention.db.models.incoming import DeadAddress
from retention.db.models.work.actions import Rendering
from retention.db.models.work.messages import DeliveryAttempt, Message
from retention.db.recording import Entry, record
from retention.domain.errors import NotFoundError
from retention.domain.people import Permission, Person, require, require_reason
from retention.domain.sending import DeadAtOnce
from retention.safeguards import kill_switch as switches

_ITSELF = "retention"
_LATELY = timedelta(hours=1)
_DEAD = select(DeadAddress.address).where(DeadAddress.released_at.is_(None))
_DEAD_OF = _DEAD.where(DeadAddress.address.in_(bindparam("addresses", expanding=True)))


def note(
    session: Session,
    address: str,
    customer_id: str,
    reason: str,
    found_at: datetime,
    at_once: DeadAtOnce,
) -> None:
    """Write down that an address takes our mail no more, also when it was released before.

    One that is dead already keeps its first evidence.
    """
    found = session.get(DeadAddress, address)
    if found is not None and found.released_at is None:
        return
    if found is None:
        found = DeadAddress(address=address, customer_id=customer_id)
        session.add(found)
    found.reason, found.found_at = reason, found_at
    found.released_at, found.released_by = None, None
    session.flush()
    _tell(session, found, "died", found_at, reason)
    _spare_provider(session, provider_of(address), found_at, at_once)


def provider_of(address: str) -> str:
    """Return the domain that takes an address's mail."""
    return address.rpartition("@")[2].casefold()


def _spare_provider(session: Session, domain: str, at: datetime, at_once: DeadAtOnce) -> None:
    """Let its addresses live and its mail wait, when too many of them died at once.

    Reports on what had left before go on coming in: while its mail waits, nobody's address ends.
    """
    lately, scope = at - _LATELY, switches.provider(domain)
    waits = switches.stopped(session).get(scope)
    died = session.scalars(
        select(DeadAddress).where(
            DeadAddress.released_at.is_(None),
            DeadAddress.found_at > lately,
            _is_of(DeadAddress.address, domain),
        )
    ).all()
    if waits is not None:
        for row in died:
            _release(session, row, _ITSELF, waits, at)
        return
    if len(died) < at_once.addresses:
        return
    addresses = func.count(func.distinct(func.lower(Rendering.recipient)))
    written: int | None = session.scalar(
        select(addresses)
        .join(Message, Message.action_id == Rendering.action_id)
        .join(DeliveryAttempt, DeliveryAttempt.message_id == Message.id)
        .where(
            DeliveryAttempt.started_at > at - timedelta(days=1),
            _is_of(Rendering.recipient, domain),
        )
    )
    if len(died) <= at_once.share * (written or 0):
        return
    why = f"{len(died)} addresses of {domain} died within an hour: it is us that they refuse"
    for row in died:
        _release(session, row, _ITSELF, why, at)
    switches.stop_by_itself(session, scope, why, at)


def _is_of(column: InstrumentedAttribute[str], domain: str) -> ColumnElement[bool]:
    return func.lower(column).endswith(f"@{domain}", autoescape=True)


def release(session: Session, address: str, person: Person, reason: str, now: datetime) -> str:
    """Let an address be written to again. Raises NotFoundError or NotAllowedError."""
    row = session.get(DeadAddress, address.strip().casefold())
    if row is None or row.released_at is not None:
        raise NotFoundError("this address", "is not dead", "See 'retention address list'.")
    require(person, Permission.RELEASE, subject="a dead address")
    said = require_reason("a dead address", reason)
    _release(session, row, person.person_id, said, now)
    return row.address


def _release(session: Session, row: DeadAddress, by: str, reason: str, now: datetime) -> None:
    row.released_at, row.released_by = now, by
    _tell(session, row, "released", now, reason, by=by)


def find(session: Session, address: str) -> DeadAddress:
    """Return what is known of an address that died, also of one that was released since.

    Raises NotFoundError.
    """
    row = session.get(DeadAddress, address.strip().casefold())
    if row is None:
        raise NotFoundError("this address", "never died", "See 'retention address list'.")
    return row


def why_released(session: Session, row: DeadAddress) -> str | None:
    """Return the reason for which an address was released last, as long as the audit keeps it."""
    if row.released_at is None:
        return None
    told = session.scalars(
        select(AuditRecord.document)
        .join(AuditEvent, AuditEvent.number == AuditRecord.number)
        .where(AuditEvent.kind == "address.released", AuditEvent.subject == _subject(row))
        .order_by(AuditEvent.number.desc())
        .limit(1)
    ).first()
    return str(told["reason"]) if told else None


def list_dead(session: Session, limit: int) -> Sequence[DeadAddress]:
    """Return the addresses that are written to no more, newest first."""
    query = select(DeadAddress).where(DeadAddress.released_at.is_(None))
    return session.scalars(
        query.order_by(DeadAddress.found_at.desc(), DeadAddress.address).limit(limit)
    ).all()


def dead(session: Session, addresses: Collection[str] | None = None) -> set[str]:
    """Return the addresses that do not take our mail: of the given ones, or all of them."""
    if addresses is None:
        return set(session.scalars(_DEAD))
    wanted = {"addresses": [address.casefold() for address in addresses]}
    return set(session.scalars(_DEAD_OF, wanted))


def _tell(
    session: Session, row: DeadAddress, what: str, now: datetime, reason: str, by: str = _ITSELF
) -> None:
    """The chain names the customer, never the address."""
    document = {"customer": row.customer_id, "reason": reason, "by": by}
    record(session, Entry(now, f"address.{what}", _subject(row), document, row.customer_id))


def _subject(row: DeadAddress) -> str:
    return f"address of customer {row.customer_id}"
