"""The only writer of instalment plans: agreed with a customer, and held to by both sides.

While a plan is kept a hold keeps the ladder and every reminder away. A night that sees a part still
owed after its grace ends the hold; who looks after the customer sees why.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from retention.db.models.customer_pages import InstalmentPlan
from retention.db.models.exemptions import Exclusion
from retention.db.recording import Entry, record
from retention.domain.exclusions import ALL, ExclusionKind, ExclusionReason
from retention.domain.instalments import PLAN_MOVES, Plan, PlanState
from retention.domain.people import refuse
from retention.domain.transitions import require_move
from retention.safeguards import exclusions
from retention.safeguards.exclusions import Wish
from retention.webhooks import outgoing
from retention.webhooks.outgoing import EventKind

GRACE = timedelta(days=7)


def agree(
    session: Session,
    customer_id: str,
    action_id: str,
    plan: Plan,
    currency: str,
    today: date,
    now: datetime,
) -> InstalmentPlan:
    """Write down a plan, and hold everything back until it has ended.

    `now` dates it; `today` is that day in the company's zone. Raises NotAllowedError while another
    plan runs.
    """
    if running(session, [customer_id]):
        refuse("the plan", "there is one already", "Keep to it, or call.")
    note = f"{plan.parts} parts of {plan.part} {currency}"
    wish = Wish(customer_id, ExclusionKind.HOLD, ExclusionReason.PROMISE_TO_PAY, today,
                plan.last_on + GRACE, ALL, note)  # fmt: skip
    hold = exclusions.place_by(session, wish, exclusions.CUSTOMER, now)
    row = InstalmentPlan(
        customer_id=customer_id,
        action_id=action_id,
        amount=plan.amount,
        currency=currency,
        parts=plan.parts,
        first_on=plan.first_on,
        state=PlanState.RUNNING,
        agreed_at=now,
        closed_on=None,
        exclusion_id=hold.id,
    )
    session.add(row)
    session.flush()
    said = {"plan": row.id, "amount": plan.amount, "parts": plan.parts, "first_on": plan.first_on}
    record(session, Entry(now, "plan.agreed", f"plan {row.id}", said, customer_id))
    outgoing.tell(session, EventKind.PLAN_AGREED, f"plan {row.id}", customer_id, now,
                  amount=str(plan.amount), currency=currency, parts=plan.parts,
                  first_on=plan.first_on)  # fmt: skip
    return row


def running(session: Session, customers: Sequence[str] | None = None) -> Sequence[InstalmentPlan]:
    """Return the plans that run, of some customers or of all."""
    query = select(InstalmentPlan).where(InstalmentPlan.state == PlanState.RUNNING)
    if customers is not None:
        query = query.where(InstalmentPlan.customer_id.in_(customers))
    return session.scalars(query.order_by(InstalmentPlan.id)).all()


def plan_of(row: InstalmentPlan) -> Plan:
    """Return the plan of a row as the rules see it."""
    return Plan(row.amount, row.parts, row.first_on)


def settle(
    session: Session,
    plans: Sequence[InstalmentPlan],
    rows: Mapping[str, Mapping[str, Any]],
    as_of: date,
    now: datetime,
) -> None:
    """Close the plans that a night's data shows as kept or broken; unknown data closes none."""
    for row in plans:
        overdue: Decimal | None = rows.get(row.customer_id, {}).get("overdue_amount")
        state = plan_of(row).state(overdue, as_of, GRACE)
        if state is not PlanState.RUNNING and row.agreed_at.date() < as_of:
            _close(session, row, state, as_of, now, f"overdue: {overdue}")


def _close(
    session: Session, row: InstalmentPlan, state: PlanState, on: date, now: datetime, why: str
) -> None:
    require_move(PLAN_MOVES, row.state, state, subject=f"plan {row.id}")
    row.state, row.closed_on = state, on
    hold = session.get(Exclusion, row.exclusion_id) if row.exclusion_id else None
    if hold is not None and hold.released_at is None:
        exclusions.end(session, hold, "retention", now)
    said = {"plan": row.id, "state": state, "why": why}
    record(session, Entry(now, f"plan.{state}", f"plan {row.id}", said, row.customer_id))
    outgoing.tell(session, EventKind.PLAN_ENDED, f"plan {row.id}", row.customer_id, now,
                  state=state)  # fmt: skip
