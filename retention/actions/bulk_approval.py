"""Several messages approved at once: never what is adverse, and nothing that nobody has read."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from retention.actions.approval import approve, lock_waiting
from retention.db.models.work.actions import Action, Viewing
from retention.domain.people import refuse
from retention.domain.stages import ADVERSE_STAGES
from retention.messages.content_hash import content_of
from retention.people.actor import Actor


def approve_all(session: Session, action_ids: Sequence[str], actor: Actor) -> list[Action]:
    """Approve several messages at once, or none of them.

    Never adverse ones, no more than the guards allow, and of each template one must have been
    opened. Raises NotAllowedError.
    """
    limit = actor.policies.approvals.bulk
    if len(action_ids) > limit:
        refuse("a bulk approval", f"has {len(action_ids)} messages", f"At most {limit} at once.")
    found = [lock_waiting(session, action_id) for action_id in action_ids]
    for action in found:
        if action.stage in ADVERSE_STAGES:
            refuse(
                f"action {action.id[:8]}",
                f"'{action.stage}' is never approved in bulk",
                "Look at each one and approve it by itself.",
            )
    _require_samples(session, found, actor)
    return [approve(session, action.id, actor) for action in found]


def _require_samples(session: Session, found: Sequence[Action], actor: Actor) -> None:
    viewings = session.execute(
        select(Viewing.action_id, Viewing.content_hash).where(
            Viewing.person_id == actor.person.person_id,
            Viewing.action_id.in_([action.id for action in found]),
        )
    )
    shown = {(action_id, content) for action_id, content in viewings}
    for action in found:
        if action.edited_by and (action.id, content_of(action)) not in shown:
            refuse(
                f"action {action.id[:8]}",
                "somebody has edited it, and you have not opened it",
                f"Look at it with 'retention queue show {action.id[:8]} --as YOU' first.",
            )
    opened = {a.template for a in found if (a.id, content_of(a)) in shown}
    for template in sorted({a.template or "" for a in found} - opened):
        refuse(
            f"template '{template}'",
            f"'{actor.person.person_id}' has opened none of these messages",
            "Look at one with 'retention queue show ID --as YOU' first.",
        )
