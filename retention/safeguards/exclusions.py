"""Place and release holds, exemptions and suppressions; tell what is in force."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Select, bindparam, or_, select
from sqlalchemy.orm import Session

from retention.db.models.exemptions import Exclusion as ExclusionRow
from retention.db.recording import Entry, record
from retention.domain.errors import NotAllowedError, NotFoundError
from retention.domain.exclusions import (
    ALL,
    MESSAGE_CLASSES,
    OPEN_ENDED,
    Exclusion,
    ExclusionKind,
    ExclusionReason,
)
from retention.domain.people import Permission, Person, require
from retention.domain.stages import PlaybookName

CUSTOMER = "customer"
ANY_OF = select(ExclusionRow.customer_id).where(
    ExclusionRow.customer_id.in_(bindparam("customers", expanding=True)),
    ExclusionRow.released_at.is_(None),
)
"""Those of some customers who have, or once had, an exclusion."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person asks for: who, what, why, and until when."""

    customer_id: str
    kind: ExclusionKind
    reason: ExclusionReason
    starts_on: date
    ends_on: date | None
    scope: str = ALL
    note: str = ""


def place(
    session: Session,
    wish: Wish,
    person: Person,
    now: datetime,
    *,
    longest: timedelta,
    owner: str | None = None,
) -> ExclusionRow:
    """Place an exclusion. `owner` is the customer's account manager.

    Raises NotAllowedError for a person who may not, an unknown scope, and an end that is missing,
    past or more than `longest` away.
    """
    subject = f"{wish.kind} of customer {wish.customer_id}"
    require(person, Permission.HOLD, subject=subject, owner=owner)
    _check(wish, subject, longest)
    return _write(session, wish, person.person_id, now)


def place_for_customer(session: Session, wish: Wish, now: datetime) -> ExclusionRow:
    """Place what a customer has asked for; the same wish twice is one. Needs nobody's consent.

    One that ends before is not the same.
    """
    for row in session.scalars(
        _in_force(wish.starts_on).where(ExclusionRow.customer_id == wish.customer_id)
    ):
        lasts = row.ends_on is None or (wish.ends_on is not None and row.ends_on >= wish.ends_on)
        if lasts and (row.kind, row.scope, row.reason) == (wish.kind, wish.scope, wish.reason):
            return row
    return _write(session, wish, CUSTOMER, now)


def place_by(session: Session, wish: Wish, author: str, now: datetime) -> ExclusionRow:
    """Place what another system has told us. Its events are one each, so no wish comes twice."""
    return _write(session, wish, author, now)


def _write(session: Session, wish: Wish, author: str, now: datetime) -> ExclusionRow:
    row = ExclusionRow(
        customer_id=wish.customer_id,
        kind=wish.kind,
        scope=wish.scope,
        reason=wish.reason,
        note=wish.note.strip(),
        author=author,
        placed_at=now,
        starts_on=wish.starts_on,
        ends_on=wish.ends_on,
    )
    session.add(row)
    session.flush()
    _tell(session, row, "placed", author, now)
    return row


def _check(wish: Wish, subject: str, longest: timedelta) -> None:
    scopes = MESSAGE_CLASSES if wish.kind is ExclusionKind.SUPPRESSION else tuple(PlaybookName)
    if wish.scope not in (ALL, *scopes):
        listed = ", ".join((ALL, *scopes))
        raise NotAllowedError(subject, f"'{wish.scope}' is no scope of it", f"Use: {listed}.")
    if wish.ends_on is None:
        if wish.kind in OPEN_ENDED:
            return
        raise NotAllowedError(subject, "it has no end", "Say until when; it can be renewed.")
    if not wish.starts_on <= wish.ends_on <= wish.starts_on + longest:
        raise NotAllowedError(
            subject,
            f"it would run from {wish.starts_on} to {wish.ends_on}",
            f"Its end lies after its start, by {longest.days} days at the most.",
        )


def release(
    session: Session,
    exclusion_id: int,
    person: Person,
    now: datetime,
    *,
    owner: str | None = None,
) -> ExclusionRow:
    """End an exclusion before its time. Raises NotFoundError or NotAllowedError."""
    row = session.get(ExclusionRow, exclusion_id)
    if row is None or row.released_at is not None:
        raise NotFoundError(
            f"exclusion {exclusion_id}", "is not in force", "See 'retention hold list'."
        )
    require(person, Permission.HOLD, subject=f"exclusion {exclusion_id}", owner=owner)
    row.released_at, row.released_by = now, person.person_id
    _tell(session, row, "released", person.person_id, now)
    return row


def end(session: Session, row: ExclusionRow, by: str, now: datetime) -> None:
    """End what the customer, or the program, has placed: nobody's consent is needed."""
    row.released_at, row.released_by = now, by
    _tell(session, row, "released", by, now)


def customer_of(session: Session, exclusion_id: int) -> str:
    """Return whose exclusion it is. Raises NotFoundError."""
    row = session.get(ExclusionRow, exclusion_id)
    if row is None:
        raise NotFoundError(
            f"exclusion {exclusion_id}", "does not exist", "See 'retention hold list'."
        )
    return row.customer_id


def list_in_force(
    session: Session, today: date, customer_id: str | None = None
) -> list[ExclusionRow]:
    """Return what is in force on a day or will be, of everybody or of one customer."""
    query = _in_force(today)
    if customer_id is not None:
        query = query.where(ExclusionRow.customer_id == customer_id)
    return list(session.scalars(query))


def _in_force(today: date) -> Select[ExclusionRow]:
    return (
        select(ExclusionRow)
        .where(
            ExclusionRow.released_at.is_(None),
            or_(ExclusionRow.ends_on.is_(None), ExclusionRow.ends_on >= today),
        )
        .order_by(ExclusionRow.customer_id, ExclusionRow.id)
    )


def by_customer(session: Session, today: date) -> dict[str, tuple[Exclusion, ...]]:
    """Return each customer's exclusions, as the rules see them.

    What was placed counts at once: a night of yesterday that runs today must know of it.
    """
    return _by_customer(list_in_force(session, today), today)


def _by_customer(rows: Iterable[ExclusionRow], today: date) -> dict[str, tuple[Exclusion, ...]]:
    found: dict[str, tuple[Exclusion, ...]] = defaultdict(tuple)
    for row in rows:
        found[row.customer_id] += (_as_rule(row, today),)
    return found


def of_customers(
    session: Session, customers: Collection[str], today: date
) -> dict[str, tuple[Exclusion, ...]]:
    """Return the exclusions of some customers, as the rules see them."""
    rows = session.scalars(_in_force(today).where(ExclusionRow.customer_id.in_(customers)))
    return _by_customer(rows, today)


def _as_rule(row: ExclusionRow, today: date) -> Exclusion:
    since = min(row.starts_on, today)
    return Exclusion(row.kind, row.scope, row.reason, since, row.ends_on)


def _tell(session: Session, row: ExclusionRow, what: str, by: str, now: datetime) -> None:
    document = {
        "exclusion": row.id,
        "kind": row.kind,
        "scope": row.scope,
        "reason": row.reason,
        "note": row.note,
        "starts_on": row.starts_on,
        "ends_on": row.ends_on,
        "by": by,
    }
    entry = Entry(now, f"exclusion.{what}", f"customer {row.customer_id}", document,
                  row.customer_id)  # fmt: skip
    record(session, entry)
