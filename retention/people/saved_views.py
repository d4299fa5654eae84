"""Views of the queue under names of their own: somebody's, or shared with everybody."""

from collections.abc import Sequence

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from retention.db.models.console import SavedView
from retention.domain.people import refuse

_MOST, _LONGEST, _LONGEST_QUERY = 30, 60, 500


def list_for(session: Session, person_id: str) -> Sequence[SavedView]:
    """Return a person's own views, and those that others share."""
    return session.scalars(
        select(SavedView)
        .where(or_(SavedView.person_id == person_id, SavedView.shared))
        .order_by(SavedView.name, SavedView.id)
    ).all()


def save(session: Session, person_id: str, name: str, query: str, *, shared: bool) -> SavedView:
    """Keep a view; one of the same name is replaced. Raises NotAllowedError."""
    name = " ".join(name.split())
    if not 0 < len(name) <= _LONGEST:
        refuse("the view", "has no name, or a long one", f"Use at most {_LONGEST} characters.")
    if len(query) > _LONGEST_QUERY:
        refuse("the view", "asks for too much", "Use fewer words.")
    own = SavedView.person_id == person_id
    found = session.scalar(select(SavedView).where(own, SavedView.name == name))
    if found is None:
        count = session.scalar(select(func.count()).select_from(SavedView).where(own)) or 0
        if count >= _MOST:
            refuse("the view", f"is one more than {_MOST}", "Remove one first.")
        found = SavedView(person_id=person_id, name=name, query=query, shared=shared)
        session.add(found)
    found.query, found.shared = query, shared
    session.flush()
    return found


def remove(session: Session, person_id: str, view_id: int) -> None:
    """Remove a view of one's own; another's is left alone."""
    found = session.get(SavedView, view_id)
    if found is None or found.person_id != person_id:
        refuse("the view", "is not yours", "Ask who has saved it.")
    session.delete(found)
