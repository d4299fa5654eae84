"""Who is at work on an action. A claim keeps nobody out: it tells the others, and ends soon."""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from retention.db.models.console import Claim
from retention.db.models.work.actions import Action
from retention.people.actor import Actor

LEASE = timedelta(minutes=10)


def take(session: Session, action: Action, actor: Actor) -> Claim:
    """Say that somebody is at work on an action; who came first keeps it until it ends."""
    found = session.get(Claim, action.id)
    if found is None:
        found = Claim(action_id=action.id, person_id=actor.person.person_id, until=actor.now)
        session.add(found)
    if found.person_id == actor.person.person_id or found.until <= actor.now:
        found.person_id, found.until = actor.person.person_id, actor.now + LEASE
    session.flush()
    return found


def other(session: Session, action_id: str, person_id: str, now: datetime) -> str | None:
    """Return who else is at work on an action now."""
    found = session.get(Claim, action_id)
    if found is None or found.person_id == person_id or found.until <= now:
        return None
    return found.person_id
