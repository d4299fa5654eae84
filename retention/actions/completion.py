"""People log what they did by hand: reviews, calls and letters. That is the deed itself."""

from datetime import date

from sqlalchemy.orm import Session

from retention.actions import contested_replies
from retention.actions.lifecycle import set_state
from retention.cases import waivers
from retention.cases.lifecycle import record_event
from retention.db.models.work.actions import Action
from retention.db.models.work.cases import PlaybookVersion
from retention.db.queries import actions as action_queries
from retention.domain.actions import SENT_KINDS, ActionKind, ActionState
from retention.domain.cases import CaseEventKind
from retention.domain.forms import (
    FORMS,
    HANDED_OVER,
    MAX_ANSWER,
    REPLY,
    TALKED,
    TOO_LATE,
    Form,
)
from retention.domain.people import Permission, refuse
from retention.domain.playbook import Playbook
from retention.domain.stages import Stage
from retention.people.actor import Actor, Author, may
from retention.playbooks.loading import parse_pinned
from retention.policies.load import Policies
from retention.webhooks import outgoing
from retention.webhooks.outgoing import EventKind

_REASSESSMENT = "reassessment"
_DEEDS = frozenset({TALKED, HANDED_OVER, TOO_LATE})


def complete(
    session: Session,
    action_id: str,
    actor: Actor,
    *,
    outcome: str,
    note: str = "",
    answers: dict[str, str] | None = None,
) -> Action:
    """Log the outcome of a review, call or letter, with the answers its form asks for.

    A call in which nobody was reached and a letter that came back are no deed: they expire and are
    proposed again. A review that routes ahead asks a second person to waive what it skips. Raises
    NotAllowedError.
    """
    action = action_queries.get(session, action_id, lock=True)
    subject = f"action {action.id[:8]}"
    _require_ready(action, subject)
    if not may(session, actor, Permission.REVIEW, action.owner):
        refuse(
            subject,
            f"'{actor.person.person_id}' may not complete it",
            f"It belongs to {action.owner}.",
        )
    form = FORMS[action.form or "call"]
    known = outcomes_of(session, action, actor.policies)
    if outcome not in known:
        refuse(subject, f"'{outcome}' is no outcome of it", f"Use one of: {', '.join(known)}.")
    answers = _checked(form, outcome, answers or {}, subject)
    if action.kind is ActionKind.LETTER and outcome in (HANDED_OVER, TOO_LATE):
        outcome = _in_time(action, actor.author, answers["delivered_on"], subject)
    action.outcome, action.note, action.answers = outcome, note, answers
    action.case.waiting_for = "the_next_night"
    if action.form == _REASSESSMENT:
        _ask_for_waivers(session, action, actor, outcome, note)
    if action.form == REPLY:
        hold = actor.policies.conversations.contested_hold
        contested_replies.after_reading(session, action, outcome, actor.on, actor.now, hold)
    _end(session, action, actor.author, outcome)
    actor.tell(session, "action.completed", action, form=form.name, outcome=outcome, note=note,
              answers=answers)  # fmt: skip
    return action


def sign_for(
    session: Session, action: Action, author: Author, proof: str, delivered_on: str
) -> str:
    """Log that a letter was handed over, as the post tells us; return the outcome.

    Raises NotAllowedError for a letter that nobody has approved, and a day that cannot be.
    """
    subject = f"action {action.id[:8]}"
    _require_ready(action, subject)
    outcome = _in_time(action, author, delivered_on, subject)
    action.outcome, action.answers = outcome, {"proof": proof, "delivered_on": delivered_on}
    action.case.waiting_for = "the_next_night"
    _end(session, action, author, outcome)
    author.tell(session, "action.completed", action, form="letter", outcome=outcome,
                answers=action.answers)  # fmt: skip
    return outcome


def _require_ready(action: Action, subject: str) -> None:
    if action.kind in SENT_KINDS:
        refuse(subject, "is a message", "Approve or reject it.")
    ready = ActionState.PENDING_APPROVAL
    if action.kind is ActionKind.LETTER:
        ready = ActionState.APPROVED
    if action.state is not ready:
        refuse(subject, f"is {action.state}, not {ready}", "See 'retention queue show'.")


def _checked(form: Form, outcome: str, answers: dict[str, str], subject: str) -> dict[str, str]:
    unknown = sorted(answers.keys() - form.fields.keys())
    if unknown:
        asked = ", ".join(form.fields) or "nothing"
        refuse(subject, f"its form does not ask for '{unknown[0]}'", f"It asks for: {asked}.")
    missing = form.missing(outcome, answers)
    if missing:
        question = form.fields[missing[0]]
        refuse(
            subject, f"'{missing[0]}' is not answered", f"{question} (--answer {missing[0]}=...)"
        )
    for name, text in answers.items():
        known = form.choices.get(name, (text,))
        if text not in known:
            refuse(subject, f"'{name}' cannot be '{text}'", f"Use one of: {', '.join(known)}.")
        if len(text) > MAX_ANSWER:
            refuse(subject, f"'{name}' is longer than {MAX_ANSWER} characters", "Shorten it.")
    return {name: text.strip() for name, text in answers.items()}


def _in_time(action: Action, author: Author, delivered_on: str, subject: str) -> str:
    """A notice that came after its last day names an end that is too soon: it counts no longer."""
    try:
        day = date.fromisoformat(delivered_on)
    except ValueError:
        refuse(subject, f"'{delivered_on}' is no date", "Write for example 2026-10-31.")
    if not action.proposed_on <= day <= author.on:
        refuse(subject, f"it cannot have been delivered on {day}", "Correct the date.")
    late = action.effective_on is not None and day > action.due_on
    return TOO_LATE if late else HANDED_OVER


def _end(session: Session, action: Action, author: Author, outcome: str) -> None:
    if action.kind is not ActionKind.REVIEW and outcome not in _DEEDS:
        set_state(action, ActionState.EXPIRED)
        return
    action.done_on = author.on
    if action.kind is ActionKind.LETTER:
        action.done_on = date.fromisoformat((action.answers or {})["delivered_on"])
    set_state(action, ActionState.DONE)
    if outcome == TOO_LATE:
        action.voided_on = author.on
        return
    if action.effective_on is not None:
        dates: dict[str, object] = {
            "effective_on": action.effective_on,
            "served_on": action.done_on,
        }
        subject = f"action {action.id}"
        outgoing.tell(session, EventKind.NOTICE_SERVED, subject, action.customer_id, author.now,
                      document=dates)  # fmt: skip
    kind = CaseEventKind.REVIEWED
    if action.kind is ActionKind.CALL:
        kind = CaseEventKind.CONVERSATION
    record_event(action.case, kind, author.on, outcome, author.name, came_from=action.stage)


def _ask_for_waivers(
    session: Session, action: Action, actor: Actor, outcome: str, note: str
) -> None:
    playbook = playbook_of(session, action, actor.policies)
    target = playbook.rule(action.stage).outcomes[outcome]
    if not isinstance(target, Stage):
        return
    skipped = playbook.stages_between(action.stage, target)
    if skipped and not note.strip():
        refuse(
            f"action {action.id[:8]}",
            f"'{outcome}' would skip {', '.join(skipped)}",
            "Say why with --note; a second person has to agree.",
        )
    for stage in waivers.not_asked_for(session, action.case, skipped):
        waivers.request(session, action.case, stage, actor, reason=note, owner=action.owner)


def outcomes_of(session: Session, action: Action, policies: Policies) -> tuple[str, ...]:
    """Return the outcomes that `complete` takes for an action."""
    if action.form == _REASSESSMENT:
        return tuple(playbook_of(session, action, policies).rule(action.stage).outcomes)
    return FORMS[action.form or "call"].outcomes


def playbook_of(session: Session, action: Action, policies: Policies) -> Playbook:
    """Return the playbook version the case is pinned to."""
    for playbook in policies.playbooks.values():
        if playbook.version == action.case.version:
            return playbook
    pinned = session.get_one(PlaybookVersion, action.case.version)
    return parse_pinned(pinned.document)
