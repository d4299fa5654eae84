"""People decide: approve, reject, or log what they did. Every surface comes through here.

Every decision is bound to the content hash of what the person saw. A call or a review has no
message; its content is the action itself.
"""

import hashlib
from datetime import date, datetime

from sqlalchemy.orm import Session

from retention.db.models import Action, Approval, PlaybookVersion
from retention.db.queries import actions as action_queries
from retention.domain.actions import ActionKind, ActionState
from retention.domain.cases import CaseEventKind
from retention.domain.errors import NotAllowedError
from retention.domain.messages import MessageState
from retention.domain.people import (
    Given,
    Person,
    Role,
    approvers_needed,
    role_for_approval,
)
from retention.domain.playbook import Playbook
from retention.mail.message import content_hash
from retention.playbooks.loading import parse_playbook
from retention.services import outbox
from retention.services.actions import set_state
from retention.services.cases import record_event
from retention.services.policies import Policies

TALKED, NOT_REACHED, SENT_BY_POST = "talked", "not_reached", "sent"


def content_of(action: Action) -> str:
    """Return the hash of what is decided on: the exact message, or the action's own description."""
    if action.rendering is not None:
        return content_hash(action.rendering.raw)
    described = f"{action.id}|{action.kind}|{action.form}|{action.customer_id}"
    return hashlib.sha256(described.encode()).hexdigest()


def given(action: Action) -> list[Given]:
    """Return the approvals that are still worth something: same content, not refused."""
    now = content_of(action)
    return [
        Given(a.person_id, a.role) for a in action.approvals if a.approved and a.content_hash == now
    ]


def still_needed(action: Action) -> list[Role]:
    """Return the roles that have not approved yet."""
    needed = [Role(role) for role in action.required_roles]
    for approval in given(action):
        if approval.role in needed:
            needed.remove(approval.role)
    return needed


def approve(
    session: Session,
    action_id: str,
    person: Person,
    now: datetime,
    on: date,
    *,
    seen: str | None = None,
) -> Action:
    """Approve an e-mail in one's role; the last needed approval puts it into the outbox.

    `on` is the company's calendar date at `now`.

    `seen` is the content hash the person was shown, if known. Raises NotAllowedError.
    """
    action = _waiting(session, action_id)
    subject = f"action {action.id[:8]}"
    if action.rendering is None:
        raise NotAllowedError(
            subject, f"is a {action.kind}, not a message", "Log it with 'retention queue complete'."
        )
    if action.due_on < on:
        raise NotAllowedError(
            subject, f"had to leave by {action.due_on}", "The next night proposes it anew."
        )
    content = content_of(action)
    if content != action.rendering.content_hash or (seen is not None and seen != content):
        raise NotAllowedError(subject, "its content is not what was shown", "Look at it again.")
    roles = [Role(role) for role in action.required_roles]
    role = role_for_approval(
        person, roles, given(action), proposer=action.proposed_by, subject=subject
    )
    _decide(action, person, role, content, now, approved=True)
    session.flush()
    if len(given(action)) >= approvers_needed(action.stage, roles):
        set_state(action, ActionState.APPROVED)
        outbox.enqueue(session, action, now)
    return action


def reject(
    session: Session, action_id: str, person: Person, now: datetime, *, reason: str
) -> Action:
    """Reject an action for everybody; the reason is required.

    An approved message that has not left is taken back. Raises NotAllowedError.
    """
    if not reason.strip():
        raise NotAllowedError(f"action {action_id[:8]}", "a reason is required", "Say why.")
    action = action_queries.get(session, action_id, lock=True)
    if action.state is ActionState.APPROVED:
        return _take_back(session, action, person, now, reason)
    action = _waiting(session, action_id)
    role = _role_to_refuse(action, person)
    _decide(action, person, role, content_of(action), now, approved=False, reason=reason)
    set_state(action, ActionState.REJECTED)
    return action


def _take_back(
    session: Session, action: Action, person: Person, now: datetime, reason: str
) -> Action:
    if not outbox.withdraw(session, action.message, MessageState.CANCELLED):
        raise NotAllowedError(
            f"action {action.id[:8]}", "its message has left or is leaving", "Talk to the customer."
        )
    role = _role_to_refuse(action, person)
    if any(approval.person_id == person.person_id for approval in action.approvals):
        action.note = f"taken back by {person.person_id}: {reason}"
    else:
        _decide(action, person, role, content_of(action), now, approved=False, reason=reason)
    set_state(action, ActionState.CANCELLED)
    return action


def complete(
    session: Session,
    action_id: str,
    person: Person,
    policies: Policies,
    on: date,
    *,
    outcome: str,
    note: str,
) -> Action:
    """Log the outcome of a review, call or letter: that is the deed itself.

    A review's outcome must be one that its playbook knows. A call in which nobody was reached is
    no conversation: it expires and is proposed again. Raises NotAllowedError.
    """
    action = _waiting(session, action_id)
    subject = f"action {action.id[:8]}"
    if action.kind is ActionKind.EMAIL:
        raise NotAllowedError(subject, "is an e-mail", "Approve or reject it.")
    _require_owner(action, person)
    known = outcomes_of(session, action, policies)
    if outcome not in known:
        listed = ", ".join(known)
        raise NotAllowedError(subject, f"'{outcome}' is no outcome of it", f"Use one of: {listed}.")
    action.outcome, action.note = outcome, note
    action.case.waiting_for = "the_next_night"
    if outcome == NOT_REACHED:
        set_state(action, ActionState.EXPIRED)
        return action
    action.done_on = on
    set_state(action, ActionState.DONE)
    kind = CaseEventKind.REVIEWED
    if action.kind is ActionKind.CALL:
        kind = CaseEventKind.CONVERSATION
    record_event(action.case, kind, on, outcome, person.person_id, came_from=action.stage)
    return action


def outcomes_of(session: Session, action: Action, policies: Policies) -> tuple[str, ...]:
    """Return the outcomes that `complete` takes for an action."""
    if action.kind is ActionKind.REVIEW:
        return tuple(_playbook(session, action, policies).rule(action.stage).outcomes)
    return (TALKED, NOT_REACHED) if action.kind is ActionKind.CALL else (SENT_BY_POST,)


def _require_owner(action: Action, person: Person) -> None:
    if person.person_id != action.owner and Role.DIRECTOR not in person.roles:
        raise NotAllowedError(
            f"action {action.id[:8]}",
            f"'{person.person_id}' may not complete it",
            f"It belongs to {action.owner}.",
        )


def _playbook(session: Session, action: Action, policies: Policies) -> Playbook:
    """Return the playbook version the case is pinned to."""
    for playbook in policies.playbooks.values():
        if playbook.version == action.case.version:
            return playbook
    pinned = session.get_one(PlaybookVersion, action.case.version)
    return parse_playbook(pinned.document, f"playbook version {pinned.version[:12]}")


def _waiting(session: Session, action_id: str) -> Action:
    """Return an action that waits, locked: two people, or a night, may decide at once."""
    action = action_queries.get(session, action_id, lock=True)
    if action.state is not ActionState.PENDING_APPROVAL:
        raise NotAllowedError(
            f"action {action.id[:8]}",
            f"is {action.state}, it does not wait for a decision",
            "See 'retention queue show' for who decided.",
        )
    return action


def _role_to_refuse(action: Action, person: Person) -> Role:
    """Anybody who could approve may refuse; so may the account manager who owns the action."""
    for role in [Role(r) for r in action.required_roles]:
        if role in person.roles:
            return role
    if person.person_id == action.owner or Role.DIRECTOR in person.roles:
        return min(person.roles)
    raise NotAllowedError(
        f"action {action.id[:8]}",
        f"'{person.person_id}' may not reject it",
        f"It belongs to {action.owner}.",
    )


def _decide(
    action: Action,
    person: Person,
    role: Role,
    content: str,
    now: datetime,
    *,
    approved: bool,
    reason: str | None = None,
) -> None:
    action.approvals.append(
        Approval(
            person_id=person.person_id,
            role=role,
            approved=approved,
            reason=reason,
            content_hash=content,
            decided_at=now,
        )
    )
