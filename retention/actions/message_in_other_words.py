"""A message in the reader's own language: to understand what a customer reads, never to send."""

from sqlalchemy.orm import Session

from retention.actions.message_edit import made_of
from retention.db.models.work.actions import Action
from retention.domain.errors import NotFoundError
from retention.messages.compose import compose
from retention.messages.rendering import Rendered
from retention.messages.sender import Sender
from retention.messages.templates import list_templates
from retention.people.actor import Actor
from retention.snapshots.folders import Folders


def has_language(sender: Sender, purpose: str | None, language: str) -> bool:
    """Return whether a template exists in a language."""
    return (purpose or "", language) in list_templates(sender.templates)


def in_language(
    session: Session, action: Action, actor: Actor, language: str, sender: Sender, folders: Folders
) -> Rendered:
    """Return a step's message as its template says it in another language.

    What somebody has edited stands only in the customer's language. Raises NotFoundError without
    such a template, and what `message_edit` raises when the message cannot be made again.
    """
    if not has_language(sender, action.template, language):
        raise NotFoundError(
            f"template '{action.template}'", f"has no '{language}'", "Read the customer's."
        )
    row, terms = made_of(session, action, actor, folders)
    manager = actor.policies.team.get(action.owner)
    made = compose(action, {**row, "language": language}, manager, sender, terms)
    return Rendered(made.subject, "", made.text, made.html)
