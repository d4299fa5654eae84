"""The only writer of a case: its stage, its outcome and its history."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time

from sqlalchemy import update
from sqlalchemy.orm import Session, object_session

from retention.db.models.work.actions import Action
from retention.db.models.work.cases import Case, CaseEvent, PlaybookVersion
from retention.domain import keys
from retention.domain.actions import ActionKind, ActionState
from retention.domain.cases import CASE_MOVES, CaseEventKind, CaseState
from retention.domain.messages import MessageState
from retention.domain.playbook import Playbook
from retention.domain.stages import Stage
from retention.domain.transitions import require_move
from retention.webhooks import outgoing
from retention.webhooks.outgoing import EventKind

_NOON = time(12)
NIGHT = "retention"
"""Who acts when no person does."""


def open_case(session: Session, customer_id: str, playbook: Playbook, as_of: date) -> Case:
    """Open a case at the playbook's first stage, pinned to the playbook's version."""
    if session.get(PlaybookVersion, playbook.version) is None:
        session.add(
            PlaybookVersion(
                version=playbook.version,
                playbook=playbook.name,
                document=playbook.document,
                first_used_on=as_of,
            )
        )
        session.flush()
    case = Case(
        id=keys.case_id(customer_id, playbook.name, as_of),
        customer_id=customer_id,
        playbook=playbook.name,
        version=playbook.version,
        state=CaseState.OPEN,
        stage=playbook.stages[0].stage,
        stage_entered_on=as_of,
        opened_on=as_of,
        events=[],
        actions=[],
    )
    session.add(case)
    record_event(case, CaseEventKind.OPENED, as_of, "entry_condition_confirmed", to=case.stage)
    session.flush()
    return case


def enter_stage(case: Case, stage: Stage, as_of: date, *, reason: str, actor: str = NIGHT) -> None:
    """Move an open case to a stage and write it down."""
    record_event(
        case, CaseEventKind.STAGE_ENTERED, as_of, reason, actor, came_from=case.stage, to=stage
    )
    case.stage = stage
    case.stage_entered_on = as_of
    case.waiting_for = None


def close_case(
    case: Case, outcome: CaseState, as_of: date, *, reason: str, actor: str = NIGHT
) -> None:
    """Close a case with its outcome. Raises MoveNotAllowedError when it is closed already."""
    require_move(CASE_MOVES, case.state, outcome, subject=f"case {case.id}")
    record_event(case, CaseEventKind.CLOSED, as_of, reason, actor, came_from=case.stage)
    case.state = outcome
    case.closed_on = as_of
    case.waiting_for = None
    _tell(case, EventKind.CASE_CLOSED, as_of, outcome=outcome, reason=reason)


def _tell(case: Case, kind: EventKind, on: date, **said: object) -> None:
    """Tell other systems, on the day on which it holds."""
    session = object_session(case)
    if session is not None:
        at = datetime.combine(on, _NOON, UTC)
        outgoing.tell(
            session, kind, f"case {case.id}", case.customer_id, at, document={"on": on, **said}
        )


def note_waits(session: Session, waits: Sequence[dict[str, str]]) -> None:
    """Write down for what cases wait, many at once: each with its `id` and `waiting_for`."""
    if waits:
        session.execute(update(Case), waits)


def is_posted(action: Action) -> bool:
    """Return whether an action is a letter that may be on its way."""
    return action.kind is ActionKind.LETTER and action.state is ActionState.APPROVED


def is_running_notice(action: Action) -> bool:
    """Return whether a customer holds this notice, or may: lost or in the post counts."""
    if action.effective_on is None or action.voided_on is not None:
        return False
    message = action.message
    lost = message is not None and message.state is MessageState.UNKNOWN
    return action.state is ActionState.DONE or lost or is_posted(action)


def void_notices(case: Case, on: date, reason: str, actor: str = NIGHT) -> bool:
    """Void the notices that a customer holds; return whether there were any.

    The clock has stopped for good. Somebody has to call: the next night sees to it.
    """
    standing = [action for action in case.actions if is_running_notice(action)]
    for action in standing:
        action.voided_on = on
    if standing:
        record_event(case, CaseEventKind.NOTICE_VOIDED, on, reason, actor)
        _tell(case, EventKind.NOTICE_VOIDED, on, notices=[a.id for a in standing])
    return bool(standing)


def record_event(
    case: Case,
    kind: CaseEventKind,
    happened_on: date,
    reason: str,
    actor: str = NIGHT,
    *,
    came_from: Stage | None = None,
    to: Stage | None = None,
) -> None:
    """Append one line to a case's history; `case.events` must be loaded."""
    case.events.append(
        CaseEvent(
            number=len(case.events) + 1,
            kind=kind,
            happened_on=happened_on,
            from_stage=came_from,
            to_stage=to,
            reason=reason,
            actor=actor,
        )
    )
