"""What a night held back because it was too much: kept as a whole until people have looked."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from retention.db.models.runs import Batch
from retention.db.queries.by_id import only
from retention.db.recording import Entry, record
from retention.domain import keys
from retention.domain.limits import ADVERSE_EFFECTS, BATCH_MOVES, BatchState, OverCap
from retention.domain.people import Permission, Person, refuse, require, require_reason
from retention.domain.transitions import require_move


@dataclass(slots=True)
class Released:
    """Customers whom people have let through, by effect; they do not count against a cap."""

    customers: dict[str, set[str]] = field(default_factory=dict)
    batches: list[Batch] = field(default_factory=list)

    def covers(self, effect: str, customer_id: str) -> bool:
        """Return whether an effect on a customer was released."""
        return customer_id in self.customers.get(effect, set())


def released(session: Session, before: date) -> Released:
    """Return what people have released since the last night."""
    found = Released()
    query = select(Batch).where(Batch.state == BatchState.RELEASED, Batch.business_date < before)
    for batch in session.scalars(query.order_by(Batch.business_date, Batch.effect)):
        found.customers.setdefault(batch.effect, set()).update(batch.customers)
        found.batches.append(batch)
    return found


def use_up(session: Session, found: Released, as_of: date) -> None:
    """Mark what was released as used; what an earlier night held back is superseded by tonight."""
    for batch in found.batches:
        _move(batch, BatchState.USED)
    older = select(Batch).where(Batch.state == BatchState.HELD, Batch.business_date < as_of)
    for batch in session.scalars(older):
        _move(batch, BatchState.SUPERSEDED)


def hold(
    session: Session, over: OverCap, customers: Iterable[str], as_of: date, at: datetime
) -> Batch:
    """Write down what tonight wanted too much of."""
    batch = Batch(
        id=keys.batch_id(as_of, over.effect),
        business_date=as_of,
        effect=over.effect,
        wanted=over.wanted,
        allowed=over.allowed,
        customers=sorted(customers),
        state=BatchState.HELD,
    )
    session.add(batch)
    document = {"effect": over.effect, "wanted": over.wanted, "allowed": over.allowed}
    record(session, Entry(at, "batch.held", f"batch {batch.id}", document))
    return batch


def list_open(session: Session) -> list[Batch]:
    """Return the batches that wait for a decision, or for the next night."""
    states = (BatchState.HELD, BatchState.RELEASED)
    query = select(Batch).where(Batch.state.in_(states)).order_by(Batch.business_date, Batch.effect)
    return list(session.scalars(query))


def count_held(session: Session) -> int:
    """Return how many moves and letters wait because they were too many for one night."""
    held = select(func.sum(Batch.wanted)).where(Batch.state == BatchState.HELD)
    return int(session.scalar(held) or 0)


def get(session: Session, batch_id: str) -> Batch:
    """Return a batch by its id or the id's beginning, locked. Raises NotFoundError."""
    query = select(Batch).with_for_update()
    return only(session, query, batch_id, (Batch.id,), what="batch", listed="retention batch list")


def release(session: Session, batch: Batch, person: Person, reason: str, now: datetime) -> Batch:
    """Let a batch through on the next night; an adverse one needs two different people.

    Raises NotAllowedError for a person who may not, or without a reason.
    """
    subject = _may(batch, person, reason)
    if batch.effect in ADVERSE_EFFECTS:
        if batch.first_by is None:
            batch.first_by, batch.reason = person.person_id, reason.strip()
            return _told(session, batch, "batch.seconded", person, reason, now)
        if batch.first_by == person.person_id:
            refuse(subject, f"'{person.person_id}' has released it before", "A second person must.")
    _move(batch, BatchState.RELEASED)
    return _told(session, batch, "batch.released", person, reason, now)


def turn_down(session: Session, batch: Batch, person: Person, reason: str, now: datetime) -> Batch:
    """Refuse a batch: the next night decides anew. Raises NotAllowedError."""
    _may(batch, person, reason)
    _move(batch, BatchState.REFUSED)
    return _told(session, batch, "batch.refused", person, reason, now)


def _may(batch: Batch, person: Person, reason: str) -> str:
    subject = f"batch {batch.id[:8]}"
    require(person, Permission.RELEASE, subject=subject)
    if batch.state is not BatchState.HELD:
        refuse(subject, f"is {batch.state}", "See 'retention batch list'.")
    require_reason(subject, reason)
    return subject


def _told(
    session: Session, batch: Batch, kind: str, person: Person, reason: str, now: datetime
) -> Batch:
    if kind != "batch.seconded":
        batch.decided_by, batch.decided_at, batch.reason = person.person_id, now, reason.strip()
    document = {"effect": batch.effect, "by": person.person_id, "reason": reason.strip()}
    record(session, Entry(now, kind, f"batch {batch.id}", document))
    return batch


def _move(batch: Batch, target: BatchState) -> None:
    require_move(BATCH_MOVES, batch.state, target, subject=f"batch {batch.id}")
    batch.state = target
