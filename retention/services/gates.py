"""Accept a change of the data: a named person, with a reason, for one table and one night."""

from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from retention.db.models import GateOverride
from retention.domain.errors import NotAllowedError, NotFoundError
from retention.domain.people import Person, Role
from retention.sources.canonical import CANONICAL

MIN_REASON = 10
_MAY_ACCEPT = frozenset({Role.OPS, Role.FINANCE, Role.DIRECTOR})


def accept(
    session: Session, table: str, person: Person, reason: str, as_of: date, now: datetime
) -> GateOverride:
    """Record that `person` accepts what the gate of `table` finds on `as_of`.

    Raises NotFoundError for an unknown table, NotAllowedError for a person who answers for no data
    or a reason that says nothing. Accepting again replaces the reason.
    """
    if table not in CANONICAL:
        known = ", ".join(CANONICAL)
        raise NotFoundError(f"table '{table}'", "is no canonical table", f"They are: {known}.")
    if not person.roles & _MAY_ACCEPT:
        raise NotAllowedError(
            f"gate of {table}",
            f"{person.person_id} may not accept it",
            f"Ask somebody who is {', '.join(sorted(_MAY_ACCEPT))}.",
        )
    if len(reason.strip()) < MIN_REASON:
        raise NotAllowedError(
            f"gate of {table}", "the reason says nothing", f"Write {MIN_REASON} characters or more."
        )
    found = session.scalars(
        select(GateOverride).where(
            GateOverride.business_date == as_of, GateOverride.table_name == table
        )
    ).one_or_none()
    override = found or GateOverride(business_date=as_of, table_name=table)
    override.person_id, override.reason, override.accepted_at = person.person_id, reason.strip(), now
    session.add(override)
    session.flush()
    return override


def accepted(session: Session, as_of: date) -> dict[str, str]:
    """Return the tables whose change is accepted for a night, with the person who did."""
    rows = session.scalars(select(GateOverride).where(GateOverride.business_date == as_of))
    return {row.table_name: row.person_id for row in rows}
