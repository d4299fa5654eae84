"""Where every open case stands: read in a few set statements, never case by case."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from retention.db.models.exemptions import Handover, Waiver
from retention.db.models.work.actions import Action, Offer, Rendering
from retention.db.models.work.cases import Case
from retention.db.models.work.messages import Message
from retention.domain.actions import ActionKind, ActionState, Purpose
from retention.domain.cases import CaseState
from retention.domain.handovers import HandoverState
from retention.domain.messages import MessageState
from retention.domain.offers import OfferKind, OfferState
from retention.domain.stages import PlaybookName, Stage
from retention.domain.waivers import WaiverState

_ACTION = (
    Action.id,
    Action.case_id,
    Action.stage,
    Action.step,
    Action.kind,
    Action.form,
    Action.state,
    Action.proposed_on,
    Action.done_on,
    Action.due_on,
    Action.effective_on,
    Action.voided_on,
    Action.outcome,
    Action.answers,
    Message.state.label("message_state"),
    Rendering.recipient,
    Action.purpose,
)


@dataclass(frozen=True, slots=True)
class CaseAction:
    """One action, as far as a decision needs it."""

    action_id: str
    stage: Stage
    step: int | None
    kind: ActionKind
    form: str | None
    state: ActionState
    proposed_on: date
    done_on: date | None
    due_on: date
    effective_on: date | None
    voided_on: date | None
    outcome: str | None
    answers: dict[str, str]
    message: MessageState | None
    recipient: str | None
    purpose: Purpose = Purpose.STEP


@dataclass(frozen=True, slots=True)
class CaseOffer:
    """The newest version of a stage's offer, and when the customer has answered it."""

    kind: OfferKind
    state: OfferState
    answered_on: date | None


@dataclass(slots=True)
class OpenCase:
    """One open case: its stage, its actions oldest first, and what was agreed on."""

    case_id: str
    customer_id: str
    playbook: PlaybookName
    version: str
    stage: Stage
    stage_entered_on: date
    waiting_for: str | None = None
    actions: list[CaseAction] = field(default_factory=list)
    waivers: dict[Stage, WaiverState] = field(default_factory=dict)
    offers: dict[Stage, CaseOffer] = field(default_factory=dict)
    migrated: bool = False


def load_open(session: Session) -> list[OpenCase]:
    """Return where every open case stands, by customer."""
    rows = session.execute(
        select(Case.id, Case.customer_id, Case.playbook, Case.version, Case.stage,
               Case.stage_entered_on, Case.waiting_for)
        .where(Case.state == CaseState.OPEN)
        .order_by(Case.customer_id)
    )  # fmt: skip
    open_cases = {row.id: OpenCase(*row) for row in rows}
    for case_id, actions in _actions(session).items():
        open_cases[case_id].actions = actions
    for case_id, stage, state in _of_open(session, Waiver, Waiver.stage, Waiver.state):
        open_cases[case_id].waivers[stage] = state
    for case_id, stage, *offer in _of_open(
        session, Offer, Offer.stage, Offer.kind, Offer.state, Offer.answered_on
    ):
        open_cases[case_id].offers[stage] = CaseOffer(*offer)
    for case_id, state in _of_open(session, Handover, Handover.state):
        open_cases[case_id].migrated |= state is HandoverState.CONFIRMED
    return list(open_cases.values())


def _actions(session: Session) -> dict[str, list[CaseAction]]:
    rows = session.execute(
        select(*_ACTION)
        .join(Case, Case.id == Action.case_id)
        .outerjoin(Message, Message.action_id == Action.id)
        .outerjoin(Rendering, Rendering.action_id == Action.id)
        .where(Case.state == CaseState.OPEN)
        .order_by(Action.proposed_on, Action.step.nulls_last(), Action.purpose, Action.id)
    )
    found: dict[str, list[CaseAction]] = defaultdict(list)
    for row in rows:
        found[row.case_id].append(
            CaseAction(
                row.id, row.stage, row.step, row.kind, row.form, row.state, row.proposed_on,
                row.done_on, row.due_on, row.effective_on, row.voided_on, row.outcome,
                row.answers or {}, row.message_state, row.recipient, row.purpose,
            )
        )  # fmt: skip
    return found


def _of_open(
    session: Session, model: type[Waiver | Offer | Handover], *columns: Any
) -> Sequence[Any]:
    """Return columns of what belongs to open cases; of several versions the last one comes last."""
    order = Offer.version if model is Offer else model.case_id
    return session.execute(
        select(model.case_id, *columns)
        .join(Case, Case.id == model.case_id)
        .where(Case.state == CaseState.OPEN)
        .order_by(order)
    ).all()
