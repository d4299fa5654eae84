"""A person writes the free parts of a message anew; everything else of it stays as it was.

A new version voids every approval of the one before, and its author cannot approve it.
"""

from collections.abc import Mapping

from sqlalchemy.orm import Session

from retention.actions.approval import editors_of, lock_waiting, refuse_unseen
from retention.actions.completion import playbook_of
from retention.actions.escalation import escalate_written
from retention.actions.step_terms import terms_of
from retention.db.models.work.actions import Action, Rendering
from retention.domain.errors import NotFoundError
from retention.domain.offers import Proposal
from retention.domain.people import Permission, refuse
from retention.messages.compose import compose
from retention.messages.editing import check_typed, free_names, source_of
from retention.messages.locale import manner_of
from retention.messages.rendering import Values, render_part
from retention.messages.sender import Sender
from retention.messages.template_values import values_of
from retention.messages.templates import Template, load_template
from retention.messages.terms import Terms
from retention.people.actor import Actor, may
from retention.safeguards import preferences
from retention.snapshots.customers import read_rows
from retention.snapshots.folders import Folders

_KEPT = frozenset({"action_id", "action"})


def edit(
    session: Session,
    action_id: str,
    actor: Actor,
    typed: Mapping[str, str],
    sender: Sender,
    folders: Folders,
    *,
    seen: str | None = None,
) -> Action:
    """Write free parts of a message anew; it waits for all its approvals again.

    `seen` is the content hash of the version that was shown, if known. Raises NotAllowedError for
    another version, for who may neither review nor approve it, for what has no such parts, and when
    its template or its data have changed, so that more would change than they see. Raises
    TemplateError for a text that cannot stand in a message.
    """
    action = lock_waiting(session, action_id)
    subject, before = f"action {action.id[:8]}", action.rendering
    allowed = (Permission.REVIEW, Permission.APPROVE)
    if not any(may(session, actor, permission, action.owner) for permission in allowed):
        refuse(subject, f"'{actor.person.person_id}' may not edit it", f"Ask {action.owner}.")
    if before is None:
        refuse(subject, f"is a {action.kind}, not a message", "Only messages are edited.")
    refuse_unseen(action, seen)
    row, terms = made_of(session, action, actor, folders)
    if not typed:
        refuse(subject, "nothing of it was written anew", "Change a sentence, or leave it.")
    stood = _parts(before, row, terms, action, actor, sender)
    edits = (before.edits or {}) | {
        name: check_typed(name, text, stood.get(name, "")) for name, text in typed.items()
    }
    manager = actor.policies.team.get(action.owner)
    same = compose(action, row, manager, sender, terms, edits=before.edits)
    if (same.text, same.subject) != (before.text, before.subject):
        refuse(
            subject,
            "its template or its data have changed since it was written",
            "Reject it; the next night writes it anew.",
        )
    _replace(before, compose(action, row, manager, sender, terms, edits=edits))
    before.edited_at = actor.now
    action.edited_by = ",".join(sorted(editors_of(action) | {actor.person.person_id}))
    escalate_written(action, actor.on)
    session.flush()
    actor.tell(session, "action.edited", action, parts=sorted(typed))
    return action


def parts_of_message(
    session: Session, action: Action, actor: Actor, sender: Sender, folders: Folders
) -> dict[str, str]:
    """Return the free parts of a message as Markdown, values filled in, by name.

    Raises NotFoundError when the night it rests on is not kept any more.
    """
    rendering = action.rendering
    if rendering is None:
        return {}
    template = load_template(sender.templates, action.template or "", rendering.language)
    if not free_names(template):
        return {}
    row, terms = made_of(session, action, actor, folders)
    stood = _parts(rendering, row, terms, action, actor, sender)
    return stood | (rendering.edits or {})


def _parts(
    rendering: Rendering,
    row: dict[str, object],
    terms: Terms,
    action: Action,
    actor: Actor,
    sender: Sender,
) -> dict[str, str]:
    """Return the free parts as their template writes them."""
    template = load_template(sender.templates, action.template or "", rendering.language)
    values = values_of(row, actor.policies.team.get(action.owner), sender.company, terms,
                       action.proposed_on)  # fmt: skip
    return {name: _written(template, name, row, values, sender) for name in free_names(template)}


def _written(
    template: Template, name: str, row: dict[str, object], values: Values, sender: Sender
) -> str:
    manner = manner_of(template, row, sender)
    return render_part(sender.templates, source_of(template, name), values, manner)


def made_of(
    session: Session, action: Action, actor: Actor, folders: Folders
) -> tuple[dict[str, object], Terms]:
    """Return the row and the terms that a step's message was written from."""
    subject = f"action {action.id[:8]}"
    if action.step is None:
        refuse(subject, "is no step of its playbook", "Only messages of steps are edited.")
    rows = read_rows(folders.snapshots, action.proposed_on, [action.customer_id])
    if action.customer_id not in rows:
        raise NotFoundError(
            f"the night of {action.proposed_on}", "is not kept any more", "Reject the message."
        )
    row = preferences.spoken_to(session, rows[action.customer_id])
    playbook = playbook_of(session, action, actor.policies)
    step = playbook.rule(action.stage).steps[action.step]
    terms = terms_of(playbook, step, row, actor.policies, action.proposed_on)
    if isinstance(terms, str):
        refuse(subject, f"could not be written today: {terms}", "Reject it.")
    offer = action.offer
    if offer is not None and terms.offer is not None:
        was = Proposal(terms.offer.kind, offer.current_fee, offer.new_fee, offer.expires_on,
                       offer.detail)  # fmt: skip
        terms = Terms(was, terms.notice, terms.said, terms.tried, terms.first_notice_on,
                      terms.instalments, terms.more, terms.appointment)  # fmt: skip
    return row, terms


def _replace(before: Rendering, after: Rendering) -> None:
    for column in Rendering.__table__.columns.keys():  # noqa: SIM118 - a collection of columns
        if column not in _KEPT:
            setattr(before, column, getattr(after, column))
