"""What somebody has typed into a form of an action and not sent yet: nothing of it is lost."""

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from retention.db.models.console import Draft

_LONGEST = 4000


def save(
    session: Session, action_id: str, person_id: str, form: str, typed: dict[str, str],
    now: datetime,
) -> None:  # fmt: skip
    """Keep what was typed; nothing at all removes the draft."""
    kept = {name: text[:_LONGEST] for name, text in typed.items() if text.strip()}
    found = session.get(Draft, (action_id, person_id, form))
    if not kept:
        if found is not None:
            session.delete(found)
        return
    if found is None:
        found = Draft(action_id=action_id, person_id=person_id, form=form, values={}, saved_at=now)
        session.add(found)
    found.values, found.saved_at = kept, now


def of(session: Session, action_id: str, person_id: str) -> dict[str, dict[str, str]]:
    """Return a person's drafts of an action, by form."""
    rows = session.scalars(
        select(Draft).where(Draft.action_id == action_id, Draft.person_id == person_id)
    )
    return {row.form: row.values for row in rows}


def forget(session: Session, action_id: str, person_id: str) -> None:
    """Remove a person's drafts of an action: it is decided."""
    session.execute(delete(Draft).where(Draft.action_id == action_id, Draft.person_id == person_id))
