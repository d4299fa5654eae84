"""What we ask about cases."""

from collections.abc import Sequence
from datetime import date

from sqlalchemy import func, select
from sqlalchemy.orm import Session, selectinload

from retention.db.models import Action, Case, PlaybookVersion
from retention.domain.cases import CaseState
from retention.domain.stages import PlaybookName


def list_open(session: Session) -> Sequence[Case]:
    """Return all open cases with history, actions and messages, in a stable order."""
    return session.scalars(
        select(Case)
        .where(Case.state == CaseState.OPEN)
        .options(selectinload(Case.events))
        .options(selectinload(Case.actions).selectinload(Action.message))
        .order_by(Case.customer_id)
    ).all()


def list_of_customer(session: Session, customer_id: str) -> Sequence[Case]:
    """Return every case of a customer with its history, newest first."""
    return session.scalars(
        select(Case)
        .where(Case.customer_id == customer_id)
        .options(selectinload(Case.events))
        .options(selectinload(Case.actions).selectinload(Action.receipt))
        .order_by(Case.opened_on.desc())
    ).all()


def last_closed_on(session: Session) -> dict[tuple[str, PlaybookName], date]:
    """Return when the last case of each customer and playbook was closed."""
    rows = session.execute(
        select(Case.customer_id, Case.playbook, func.max(Case.closed_on))
        .where(Case.closed_on.is_not(None))
        .group_by(Case.customer_id, Case.playbook)
    )
    return {(customer, playbook): closed for customer, playbook, closed in rows if closed}


def documents_in_use(session: Session) -> dict[str, str]:
    """Return the text of every playbook version that an open case was opened under."""
    rows = session.execute(
        select(PlaybookVersion.version, PlaybookVersion.document)
        .join(Case, Case.version == PlaybookVersion.version)
        .where(Case.state == CaseState.OPEN)
        .distinct()
    )
    return dict(iter(rows))
