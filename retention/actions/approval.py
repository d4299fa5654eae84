"""People decide: approve, reject, choose something milder. Every surface comes through here.

Every decision is bound to the hash of what the person saw, and is worth something only for a while.
"""

from datetime import date, timedelta

from sqlalchemy.orm import Session

from retention.actions import offers
from retention.actions.leaving_times import refuse_too_late
from retention.actions.lifecycle import give_up, set_state
from retention.actions.needed import counting, slots_of
from retention.cases import lifecycle as cases
from retention.db.models.work.actions import Action, Approval, Viewing
from retention.db.queries import actions as action_queries
from retention.domain.actions import SENT_KINDS, ActionKind, ActionState
from retention.domain.approving import (
    ReasonCode,
    is_approved,
    role_for_approval,
)
from retention.domain.messages import MessageState
from retention.domain.offers import OfferState, VoidReason
from retention.domain.people import Permission, Role, refuse
from retention.domain.stages import ADVERSE_STAGES, LADDERS, Stage
from retention.messages import outbox
from retention.messages.content_hash import content_of
from retention.people.actor import Actor, may, standing_in
from retention.safeguards.customer_blocks import kept_apart, look_around, stopped_by


def validity(actor: Actor) -> timedelta:
    """Return for how long an approval is worth something."""
    return timedelta(hours=actor.policies.approvals.valid_hours)


def has_viewed(session: Session, action: Action, actor: Actor) -> bool:
    """Return whether a person was shown this very content before."""
    key = (action.id, actor.person.person_id, content_of(action))
    return session.get(Viewing, key) is not None


def note_viewing(session: Session, action: Action, actor: Actor) -> None:
    """Write down when a person was first shown this very content."""
    key = (action.id, actor.person.person_id, content_of(action))
    if session.get(Viewing, key) is None:
        session.add(Viewing(action_id=key[0], person_id=key[1], content_hash=key[2],
                            shown_at=actor.now))  # fmt: skip
        session.flush()


def refuse_unseen(action: Action, seen: str | None) -> None:
    """Refuse what follows from another version than the one shown, whose hash is `seen` if known.

    Raises NotAllowedError.
    """
    if seen is not None and seen != content_of(action):
        subject = f"action {action.id[:8]}"
        refuse(subject, "its content is not what was shown", "Look at it again.")


def approve(session: Session, action_id: str, actor: Actor, *, seen: str | None = None) -> Action:
    """Approve a message in one's role; the last needed approval lets it go.

    `seen` is the content hash the person was shown, if known. An e-mail goes to the outbox, a
    letter to its owner. Raises NotAllowedError.
    """
    action = lock_waiting(session, action_id)
    subject = f"action {action.id[:8]}"
    if action.rendering is None:
        refuse(subject, f"is a {action.kind}, not a message", "Use 'retention queue complete'.")
    if action.due_on < actor.on:
        refuse(subject, f"had to leave by {action.due_on}", "The next night proposes it anew.")
    if action.kind in SENT_KINDS:
        refuse_too_late(session, action, actor)
    if action.kind is ActionKind.LETTER:
        refuse_letter(session, action, actor.on)
    content = content_of(action)
    refuse_unseen(action, seen)
    if action.stage in ADVERSE_STAGES:
        _require_viewing(session, action, actor, content, subject)
    counts = counting(action, actor.now, validity(actor), actor.policies.team)
    role, on_behalf_of = role_for_approval(
        actor.person,
        slots_of(action),
        counts,
        owner=action.owner,
        authors=editors_of(action) | {action.proposed_by},
        standing_in=standing_in(session, actor),
        subject=subject,
    )
    _decide(session, action, actor, role, approved=True, on_behalf_of=on_behalf_of)
    counts = counting(action, actor.now, validity(actor), actor.policies.team)
    if is_approved(action.stage, slots_of(action), counts):
        set_state(action, ActionState.APPROVED)
        offers.follow(action, OfferState.APPROVED)
        if action.kind in SENT_KINDS:
            outbox.enqueue(session, action, actor.now + actor.policies.sending.undo)
    return action


def editors_of(action: Action) -> frozenset[str]:
    """Return everybody who has written parts of a message: none of them approves it."""
    return frozenset(filter(None, (action.edited_by or "").split(",")))


def _require_viewing(
    session: Session, action: Action, actor: Actor, content: str, subject: str
) -> None:
    """What ends a relation is read, word by word, by each who answers for it."""
    who = actor.person.person_id
    if session.get(Viewing, (action.id, who, content)) is None:
        refuse(
            subject,
            f"'{who}' has not been shown this version of it",
            f"Look at it with 'retention queue show {action.id[:8]} --as {who}' first.",
        )


def refuse_letter(session: Session, action: Action, on: date) -> None:
    """Nobody asks again before a letter is posted, so what stops it counts now.

    Raises NotAllowedError.
    """
    around = look_around(session, [action.customer_id], on)
    playbook = action.case.playbook
    message_class = action.rendering.message_class if action.rendering else None
    reason = stopped_by(around, playbook, action.stage, action.kind) or kept_apart(
        around, action.customer_id, playbook, message_class, on
    )
    if reason:
        subject = f"action {action.id[:8]}"
        refuse(subject, f"it may not be posted: {reason}", "Wait until that is over.")


def reject(
    session: Session, action_id: str, actor: Actor, *, code: ReasonCode, reason: str
) -> Action:
    """Reject an action for everybody; the reason is required.

    An approved message that has not left is taken back. Raises NotAllowedError.
    """
    if not reason.strip():
        refuse(f"action {action_id[:8]}", "a reason is required", "Say why.")
    action = action_queries.get(session, action_id, lock=True)
    taken_back = action.state is ActionState.APPROVED
    if not taken_back:
        action = lock_waiting(session, action_id)
    role = _role_to_refuse(session, action, actor)
    if taken_back and not outbox.withdraw(session, action.message, MessageState.CANCELLED):
        refuse(
            f"action {action.id[:8]}", "its message has left or is leaving", "Talk to the customer."
        )
    _decide(session, action, actor, role, approved=False, code=code, reason=reason.strip())
    set_state(action, ActionState.CANCELLED if taken_back else ActionState.REJECTED)
    offers.void(action, VoidReason.MANUAL)
    return action


def choose_milder(
    session: Session, action_id: str, actor: Actor, to: Stage, *, code: ReasonCode, reason: str
) -> Action:
    """Reject an action and send its case back to a milder stage. Raises NotAllowedError."""
    action = reject(session, action_id, actor, code=code, reason=reason)
    ladder = LADDERS[action.case.playbook]
    subject = f"action {action.id[:8]}"
    if to not in ladder or ladder.index(to) >= ladder.index(action.stage):
        milder = ", ".join(ladder[: ladder.index(action.stage)]) or "nothing"
        refuse(subject, f"'{to}' is not milder than '{action.stage}'", f"Milder is: {milder}.")
    case = action_queries.case_of(session, action)
    give_up(session, case.actions, ActionState.SUPERSEDED)
    said = f"milder:{code}"
    cases.void_notices(case, actor.on, said, actor.person.person_id)
    cases.enter_stage(case, to, actor.on, reason=said, actor=actor.person.person_id)
    actor.tell(session, "case.milder", action, to=to, code=code, reason=reason)
    return action


def lock_waiting(session: Session, action_id: str) -> Action:
    """Return an action that waits, locked: two people, or a night, may decide at once."""
    action = action_queries.get(session, action_id, lock=True)
    if action.state is not ActionState.PENDING_APPROVAL:
        refuse(
            f"action {action.id[:8]}",
            f"is {action.state}, it does not wait for a decision",
            "See 'retention queue show' for who decided.",
        )
    return action


def _role_to_refuse(session: Session, action: Action, actor: Actor) -> Role:
    """Anybody who could approve may refuse; so may who looks after the account, and a director."""
    person = actor.person
    roles = person.roles_for(action.owner)
    for slot in slots_of(action):
        if slot & roles:
            return min(slot & roles)
    if action.owner == person.person_id or Role.DIRECTOR in roles:
        return min(roles)
    for other in standing_in(session, actor):
        if other.principal.person_id == action.owner:
            return Role.ACCOUNT_MANAGER
    if action.rendering is None and may(session, actor, Permission.REVIEW, action.owner):
        return min(roles)
    return refuse(
        f"action {action.id[:8]}",
        f"'{person.person_id}' may not reject it",
        f"It belongs to {action.owner}.",
    )


def _decide(
    session: Session,
    action: Action,
    actor: Actor,
    role: Role,
    *,
    approved: bool,
    on_behalf_of: str | None = None,
    code: ReasonCode | None = None,
    reason: str | None = None,
) -> None:
    content = content_of(action)
    shown = session.get(Viewing, (action.id, actor.person.person_id, content))
    dwell = int((actor.now - shown.shown_at).total_seconds()) if shown else None
    action.approvals.append(
        Approval(
            person_id=actor.person.person_id,
            role=role,
            on_behalf_of=on_behalf_of,
            approved=approved,
            code=code,
            reason=reason,
            content_hash=content,
            decided_at=actor.now,
            dwell_seconds=dwell,
        )
    )
    session.flush()
    kind = "action.approved" if approved else "action.rejected"
    actor.tell(session, kind, action, role=role, on_behalf_of=on_behalf_of, content=content,
              code=code, reason=reason)  # fmt: skip
