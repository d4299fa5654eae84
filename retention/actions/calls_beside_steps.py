"""Calls that no step of a playbook asks for: a customer wants one, or a colleague had one."""

from datetime import date

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from retention.actions import completion, proposing
from retention.actions.lifecycle import set_state
from retention.db.models.work.actions import Action
from retention.db.models.work.cases import Case
from retention.db.queries.cases import open_case_of
from retention.domain.actions import ActionKind, ActionState, Purpose
from retention.domain.forms import TALKED
from retention.domain.people import Permission, refuse
from retention.people.actor import Actor, may

_MOST_IN_A_DAY = 20


def new_call(
    session: Session, case: Case, *, owner: str, author: str, on: date, due_on: date
) -> Action:
    """Put a call into its owner's queue; `author` is who wants it."""
    call = proposing.new(
        case,
        Purpose.CALLBACK,
        1 + _of_the_day(session, case, on),
        kind=ActionKind.CALL,
        form="call",
        owner=owner,
        required_roles=[],
        proposed_by=author,
        proposed_on=on,
        due_on=due_on,
    )
    set_state(call, ActionState.PENDING_APPROVAL)
    session.add(call)
    session.flush()
    return call


def _of_the_day(session: Session, case: Case, on: date) -> int:
    count = select(func.count()).where(
        Action.case_id == case.id,
        Action.purpose == Purpose.CALLBACK,
        Action.proposed_on == on,
    )
    return session.scalar(count) or 0


def _said_today(session: Session, case: Case, on: date) -> set[str]:
    written = select(Action.answers).where(
        Action.case_id == case.id, Action.purpose == Purpose.CALLBACK, Action.done_on == on
    )
    return {(answers or {}).get("reaction", "") for answers in session.scalars(written)}


def log_call(
    session: Session, customer_id: str, actor: Actor, *, owner: str, reaction: str
) -> Action:
    """Write down a conversation of today that nobody had to have; `reaction` is what was said.

    It stands in the case's history and its dossier, and moves nothing by itself. Raises
    NotFoundError for a customer without an open case, NotAllowedError for an outsider, for no
    words, for the same ones twice, and for more in a day than anybody has.
    """
    case, reaction = open_case_of(session, customer_id), reaction.strip()
    subject = "the conversation"
    if not may(session, actor, Permission.REVIEW, owner):
        refuse(subject, f"'{actor.person.person_id}' may not log it", f"It belongs to {owner}.")
    if not reaction:
        refuse(subject, "nothing was said in it", "Write what the customer said.")
    if reaction in _said_today(session, case, actor.on):
        refuse(subject, "is on record already", "It was sent twice.")
    if _of_the_day(session, case, actor.on) >= _MOST_IN_A_DAY:
        refuse(subject, f"there are {_MOST_IN_A_DAY} of today", "Write it into one of them.")
    by = actor.author.name
    call = new_call(session, case, owner=owner, author=by, on=actor.on, due_on=actor.on)
    return completion.complete(
        session, call.id, actor, outcome=TALKED, answers={"reaction": reaction}
    )
