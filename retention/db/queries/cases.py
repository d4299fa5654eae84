"""What we ask about cases."""

from collections.abc import Sequence
from datetime import date

from sqlalchemy import func, select
from sqlalchemy.orm import Session, selectinload

from retention.db.models.work.actions import Action, Receipt
from retention.db.models.work.cases import Case, CaseEvent, PlaybookVersion
from retention.domain.cases import OUR_FAULT, CaseEventKind, CaseState
from retention.domain.errors import NotFoundError
from retention.domain.stages import PlaybookName

_MANY = 500


def load(session: Session, case_ids: Sequence[str]) -> list[Case]:
    """Return cases by id with history, actions, messages and offers."""
    found: list[Case] = []
    for start in range(0, len(case_ids), _MANY):
        found += session.scalars(
            select(Case)
            .where(Case.id.in_(case_ids[start : start + _MANY]))
            .options(selectinload(Case.events))
            .options(selectinload(Case.actions).selectinload(Action.message))
            .options(selectinload(Case.actions).selectinload(Action.offer))
        ).all()
    return found


def open_case_of(session: Session, customer_id: str) -> Case:
    """Return a customer's open case, locked. Raises NotFoundError."""
    case = session.scalars(
        select(Case)
        .where(Case.customer_id == customer_id, Case.state == CaseState.OPEN)
        .with_for_update()
    ).one_or_none()
    if case is None:
        raise NotFoundError(
            f"customer '{customer_id}'", "has no open case", "See 'retention explain'."
        )
    return case


def list_of_customer(session: Session, customer_id: str) -> Sequence[Case]:
    """Return every case of a customer with its history, newest first."""
    return session.scalars(
        select(Case)
        .where(Case.customer_id == customer_id)
        .options(selectinload(Case.events))
        .options(selectinload(Case.actions).selectinload(Action.receipt))
        .order_by(Case.opened_on.desc())
    ).all()


def cleared_on(session: Session, customer_id: str) -> list[date]:
    """Return when a customer's cases were cleared for our own fault, oldest first."""
    days = session.scalars(
        select(CaseEvent.happened_on)
        .join(Case, Case.id == CaseEvent.case_id)
        .where(
            Case.customer_id == customer_id,
            Case.state == CaseState.CLEARED,
            CaseEvent.kind == CaseEventKind.CLOSED,
            CaseEvent.reason == OUR_FAULT,
        )
        .order_by(CaseEvent.happened_on)
    )
    return list(days)


def ever_cleared(session: Session) -> set[str]:
    """Return the customers with a case that was cleared for our own fault."""
    rows = session.scalars(
        select(Case.customer_id)
        .join(CaseEvent, CaseEvent.case_id == Case.id)
        .where(
            Case.state == CaseState.CLEARED,
            CaseEvent.kind == CaseEventKind.CLOSED,
            CaseEvent.reason == OUR_FAULT,
        )
        .distinct()
    )
    return set(rows)


def last_closed_on(session: Session) -> dict[tuple[str, PlaybookName], date]:
    """Return when the last case of each customer and playbook was closed."""
    rows = session.execute(
        select(Case.customer_id, Case.playbook, func.max(Case.closed_on))
        .where(Case.closed_on.is_not(None))
        .group_by(Case.customer_id, Case.playbook)
    )
    return {(customer, playbook): closed for customer, playbook, closed in rows if closed}


def newest_receipt(session: Session, case_id: str, by: date) -> Receipt | None:
    """Return the newest receipt of a case up to a date."""
    return session.scalars(
        select(Receipt)
        .where(Receipt.case_id == case_id, Receipt.as_of <= by)
        .order_by(Receipt.as_of.desc(), Receipt.id)
        .limit(1)
    ).first()


def documents_in_use(session: Session) -> dict[str, str]:
    """Return the text of every playbook version that an open case was opened under."""
    rows = session.execute(
        select(PlaybookVersion.version, PlaybookVersion.document)
        .join(Case, Case.version == PlaybookVersion.version)
        .where(Case.state == CaseState.OPEN)
        .distinct()
    )
    return dict(iter(rows))
