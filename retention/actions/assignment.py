"""What else people do with an action: reassign, snooze, comment; and what is escalated."""

from datetime import date

from sqlalchemy.orm import Session

from retention.actions.approval import lock_waiting
from retention.db.models.work.actions import Action, Comment
from retention.db.queries import actions as action_queries
from retention.domain.people import Permission, Person, refuse
from retention.people.actor import Actor, Author, may

MAX_COMMENT = 2000


def reassign(session: Session, action_id: str, actor: Actor, to: Person) -> Action:
    """Give an action to another owner. Raises NotAllowedError for who may not."""
    action = lock_waiting(session, action_id)
    subject = f"action {action.id[:8]}"
    own = action.owner == actor.person.person_id
    if not own and not may(session, actor, Permission.REASSIGN, action.owner):
        refuse(subject, f"'{actor.person.person_id}' may not reassign it", "Ask ops or a director.")
    if not to.may(Permission.REVIEW, to.person_id):
        refuse(subject, f"'{to.person_id}' cannot work on it", "Choose an account manager.")
    before, action.owner = action.owner, to.person_id
    actor.tell(session, "action.reassigned", action, before=before, to=to.person_id)
    return action


def snooze(session: Session, action_id: str, actor: Actor, until: date) -> Action:
    """Hide an action from its owner's list until a day; its due date stays.

    Raises NotAllowedError for a day that is past, or beyond the due date.
    """
    action = lock_waiting(session, action_id)
    subject = f"action {action.id[:8]}"
    if not may(session, actor, Permission.REVIEW, action.owner):
        refuse(subject, f"'{actor.person.person_id}' may not snooze it", f"Ask {action.owner}.")
    if not actor.on < until <= action.due_on:
        refuse(subject, f"cannot sleep until {until}", f"It is due on {action.due_on}.")
    action.snoozed_until = until
    actor.tell(session, "action.snoozed", action, until=until)
    return action


def comment(session: Session, action_id: str, actor: Actor, text: str) -> Action:
    """Say something about an action. Raises NotAllowedError for an outsider or an empty text."""
    action = action_queries.get(session, action_id)
    subject = f"action {action.id[:8]}"
    if not may(session, actor, Permission.SEE, action.owner):
        refuse(subject, f"'{actor.person.person_id}' may not see it", f"Ask {action.owner}.")
    if not 0 < len(text.strip()) <= MAX_COMMENT:
        refuse(subject, "the comment is empty or too long", f"At most {MAX_COMMENT} characters.")
    note(session, action, actor.author, text.strip())
    actor.tell(session, "action.commented", action, text=text.strip())
    return action


def note(session: Session, action: Action, author: Author, text: str) -> None:
    """Write a remark beside an action, whoever makes it."""
    session.add(Comment(action_id=action.id, person_id=author.name, said_at=author.now, text=text))
    session.flush()
