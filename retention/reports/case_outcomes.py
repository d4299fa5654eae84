"""What became of the customers of a playbook, arm by arm, as the database remembers it."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from retention.db.models.exemptions import Holdout
from retention.db.models.work.actions import Action, Approval
from retention.db.models.work.cases import Case
from retention.db.models.work.messages import Message
from retention.domain.actions import ActionKind, ActionState
from retention.domain.cases import CaseState
from retention.domain.holdouts import Arm
from retention.domain.messages import DELIVERED_STATES
from retention.domain.stages import PlaybookName


@dataclass(frozen=True, slots=True)
class Outcomes:
    """One playbook: who is in which arm, how cases ended, and what it took."""

    arms: dict[str, Arm]
    ended: dict[str, int]
    still_open: int
    messages: int
    decisions: dict[str, int] = field(default_factory=dict)

    def of(self, arm: Arm) -> list[str]:
        """Return the customers of an arm, by id."""
        return sorted(customer for customer, found in self.arms.items() if found is arm)


def outcomes_of(session: Session, playbook: PlaybookName) -> Outcomes:
    """Return what became of everybody who met the entry condition of a playbook."""
    drawn = session.execute(
        select(Holdout.customer_id, Holdout.arm).where(Holdout.playbook == playbook)
    )
    arms = {customer: arm for customer, arm in drawn}  # noqa: C416 - a result is no mapping
    states = Counter(session.scalars(select(Case.state).where(Case.playbook == playbook)))
    still_open = states.pop(CaseState.OPEN, 0)
    return Outcomes(
        arms=arms,
        ended={str(state): count for state, count in sorted(states.items())},
        still_open=still_open,
        messages=_messages(session, playbook),
        decisions=_decisions(session, playbook),
    )


def final_states(session: Session, playbook: PlaybookName) -> dict[str, tuple[str, date | None]]:
    """Return how each customer's newest case stands, and since when it is closed."""
    rows = session.execute(
        select(Case.customer_id, Case.state, Case.closed_on)
        .where(Case.playbook == playbook)
        .order_by(Case.opened_on, Case.id)
    )
    return {customer: (str(state), closed_on) for customer, state, closed_on in rows}


def _messages(session: Session, playbook: PlaybookName) -> int:
    return (
        session.scalar(
            select(func.count())
            .select_from(Message)
            .join(Action, Action.id == Message.action_id)
            .join(Case, Case.id == Action.case_id)
            .where(Case.playbook == playbook, Message.state.in_(sorted(DELIVERED_STATES)))
        )
        or 0
    )


def _decisions(session: Session, playbook: PlaybookName) -> dict[str, int]:
    """Return how many approvals, reviews and calls people have made."""
    approved = session.scalar(
        select(func.count())
        .select_from(Approval)
        .join(Action, Action.id == Approval.action_id)
        .join(Case, Case.id == Action.case_id)
        .where(Case.playbook == playbook)
    )
    done = session.execute(
        select(Action.kind, func.count())
        .join(Case, Case.id == Action.case_id)
        .where(
            Case.playbook == playbook,
            Action.state == ActionState.DONE,
            Action.kind.in_([ActionKind.REVIEW, ActionKind.CALL]),
        )
        .group_by(Action.kind)
    )
    return {"approval": approved or 0, **{str(kind): count for kind, count in done}}
