"""The only maker of actions: the row, and the message or the offer that belongs to it."""

import hashlib
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from retention.actions import offers
from retention.actions.lifecycle import set_state
from retention.cases.lifecycle import NIGHT
from retention.db.canonical import canonical
from retention.db.models.work.actions import Action
from retention.db.models.work.cases import Case
from retention.domain import keys
from retention.domain.actions import SENT_KINDS, ActionKind, ActionState, Part, Purpose
from retention.domain.approving import slot_text
from retention.domain.dates import Calendar
from retention.domain.notices import Proof
from retention.domain.offers import OfferState
from retention.domain.people import Person
from retention.domain.playbook import Step
from retention.domain.scores import BY_NAME
from retention.messages import outbox
from retention.messages.compose import compose, written_at
from retention.messages.compose_text import compose_text
from retention.messages.sender import Sender
from retention.messages.terms import Terms
from retention.safeguards import preferences


@dataclass(frozen=True, slots=True)
class Work:
    """What a new action needs besides its case: who looks after it, who sends, which workdays.

    `at` is set for what is written by day: it may leave at once.
    """

    row: dict[str, Any]
    manager: Person
    sender: Sender
    days_of: Calendar
    as_of: date
    author: str = NIGHT
    at: datetime | None = None


def propose(
    session: Session,
    case: Case,
    part: Part,
    step: Step,
    terms: Terms,
    work: Work,
    number: int = 1,
) -> Action:
    """Write the action of a step; a message is composed now, byte for byte.

    `number` tells versions apart that are written on the same day.

    Without approvers an e-mail goes straight to the outbox; everything else waits for a person. A
    notice that needs a proof of receipt becomes a letter. Raises TemplateError.
    """
    action = _action_of(case, part, step, terms, work, number)
    if step.template is not None:
        row = preferences.spoken_to(session, work.row)
        if step.channel is not None:
            action.rendering = compose_text(
                action, row, work.manager, work.sender, terms, step.channel
            )
        else:
            action.rendering = compose(action, row, work.manager, work.sender, terms, work.at)
    session.add(action)
    case.actions.append(action)
    if terms.offer is not None:
        session.flush()
        offers.draft(session, action, terms.offer, work.sender.currency)
    if action.kind in SENT_KINDS and not step.approval:
        set_state(action, ActionState.APPROVED)
        offers.follow(action, OfferState.APPROVED)
        at = work.at or written_at(work.as_of, work.sender.timezone)
        outbox.enqueue(session, action, at)
    else:
        set_state(action, ActionState.PENDING_APPROVAL)
    return action


def _action_of(case: Case, part: Part, step: Step, terms: Terms, work: Work, number: int) -> Action:
    kind = step.action
    notice = terms.notice if step.notice else None
    if notice is not None and notice.proof is Proof.RECEIPT:
        kind = ActionKind.LETTER
    return new(
        case,
        part,
        number,
        kind=kind,
        template=step.template,
        form="letter" if kind is ActionKind.LETTER else step.form,
        owner=work.manager.person_id,
        required_roles=[slot_text(slot) for slot in step.approval],
        proposed_by=work.author,
        proposed_on=work.as_of,
        due_on=step.due.after(work.as_of, work.days_of),
        effective_on=notice.effective_on if notice else None,
        proof=str(notice.proof) if notice else None,
        snapshot_hash=_hash_of(work.row),
        mailing=f"{work.as_of}:{case.playbook}:{case.stage}:{step.template or kind}",
    )


def new(case: Case, part: Part, number: int, *, proposed_on: date, **fields: Any) -> Action:
    """Return a proposed action of a case, not yet in the session; `fields` are the row's own."""
    is_step = not isinstance(part, Purpose)
    return Action(
        id=keys.action_id(case.id, case.stage, str(part), proposed_on, number),
        case_id=case.id,
        customer_id=case.customer_id,
        stage=case.stage,
        purpose=Purpose.STEP if is_step else part,
        step=part if is_step else None,
        state=ActionState.PROPOSED,
        proposed_on=proposed_on,
        approvals=[],
        message=None,
        offer=None,
        agreed_call=None,
        **fields,
    )


def _hash_of(row: dict[str, Any]) -> str:
    """Return the hash of the scores that a proposal rests on."""
    return hashlib.sha256(canonical({name: row.get(name) for name in BY_NAME}).encode()).hexdigest()
