"""Find a record by its id, or by the first characters of it that people type."""

from collections.abc import Sequence
from typing import TypeVar

from sqlalchemy import ColumnElement, Select, or_
from sqlalchemy.orm import InstrumentedAttribute, Session

from retention.domain.errors import NotFoundError

SHORTEST = 6
"""Characters; fewer fit too many."""
_WHOLE = 36

Row = TypeVar("Row")
Ids = tuple[InstrumentedAttribute[str], ...]


def named(ids: Ids, given: str) -> ColumnElement[bool]:
    """Return the condition that one of the ids is `given`, or begins with it."""
    if len(given) == _WHOLE:
        return or_(*(column == given for column in ids))
    return or_(*(column.startswith(given, autoescape=True) for column in ids))


def only(
    session: Session, query: Select[Row], given: str, ids: Ids, *, what: str, listed: str
) -> Row:
    """Return the one record of `query` with the id `given`, or that begins with it.

    Raises NotFoundError when nothing, or more than one record, fits; `listed` names the command
    that lists them.
    """
    found: Sequence[Row] = []
    if len(given) >= SHORTEST:
        found = session.scalars(query.where(named(ids, given)).limit(2)).unique().all()
    if len(found) != 1:
        why = f"give its first {SHORTEST} characters or more"
        if len(given) >= SHORTEST:
            why = "fits several" if found else "does not exist"
        raise NotFoundError(f"{what} '{given}'", why, f"See '{listed}'.")
    return found[0]
