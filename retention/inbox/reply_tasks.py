"""What a customer wrote becomes a task of the one who looks after them; their case waits for it."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from retention.actions import proposing
from retention.actions.lifecycle import set_state
from retention.db.models.incoming import Incoming
from retention.db.models.work.actions import Action, Rendering
from retention.db.models.work.messages import Message
from retention.domain.actions import (
    OPEN_ACTION_STATES,
    ActionKind,
    ActionState,
    Purpose,
)
from retention.domain.forms import REPLY
from retention.domain.incoming import GONE, NAMES, UNREAD
from retention.inbox.protecting import protecting_words
from retention.inbox.quotations import segments

PAGE = "page: "
"""What a reason begins with when something was said on a page, not by mail."""


def answered_at(session: Session, task_ids: Sequence[str]) -> dict[str, datetime]:
    """Return when the customer first wrote what each task is about: its hour counts too."""
    rows = session.execute(
        select(Incoming.action_id, func.min(Incoming.received_at))
        .where(Incoming.action_id.in_(task_ids))
        .group_by(Incoming.action_id)
    )
    return {task: at for task, at in rows if task is not None}


def hand_to_owner(session: Session, answered: Action, on: date, due_on: date) -> Action:
    """Return the task to deal with a reply of a day; one that is open already takes it in too."""
    open_one = session.scalars(
        select(Action)
        .where(
            Action.case_id == answered.case_id,
            Action.form == REPLY,
            Action.state.in_(sorted(OPEN_ACTION_STATES)),
        )
        .options(joinedload(Action.case))
    ).first()
    return open_one or _task(session, answered, on, due_on)


def _task(session: Session, answered: Action, on: date, due_on: date) -> Action:
    same_day = select(func.count()).where(
        Action.case_id == answered.case_id, Action.form == REPLY, Action.proposed_on == on
    )
    number = 1 + (session.scalar(same_day) or 0)
    task = proposing.new(
        answered.case,
        Purpose.REPLY,
        number,
        kind=ActionKind.REVIEW,
        form=REPLY,
        owner=answered.owner,
        required_roles=[],
        proposed_by="inbox",
        proposed_on=on,
        due_on=due_on,
    )
    set_state(task, ActionState.PENDING_APPROVAL)
    session.add(task)
    session.flush()
    return task


def shown_said(session: Session, task_id: str) -> list[dict[str, Any]]:
    """Return what the customer wrote, oldest first: every word, what is quoted marked as such.

    `gone` says that their contact is there no more, `instead` whom the letter names, `unread` that
    it could not be taken apart: somebody looks at it in the mailbox. `protects` names the words in
    it after which nothing adverse should happen unread.
    """
    rows = session.execute(
        select(Incoming, Rendering.text)
        .outerjoin(Message, Message.id == Incoming.message_id)
        .outerjoin(Rendering, Rendering.action_id == Message.action_id)
        .where(Incoming.action_id == task_id)
        .order_by(Incoming.received_at)
    )
    return [
        {
            "on": row.received_at.isoformat(),
            "subject": row.subject,
            "page": row.reason.removeprefix(PAGE) if row.reason.startswith(PAGE) else None,
            "gone": row.reason.startswith(GONE),
            "instead": row.reason.partition(NAMES)[2] or None,
            "unread": row.reason.startswith(UNREAD),
            "text": row.text,
            "protects": protecting_words(f"{row.subject or ''}\n{row.text or ''}", ours or ""),
            "parts": [
                {"text": part.text, "quoted": part.quoted}
                for part in segments(row.text or "", ours or "")
            ],
        }
        for row, ours in rows
    ]
