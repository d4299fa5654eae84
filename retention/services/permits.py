"""What keeps a message from its customer now: a switch, a hold, a suppression, a notice."""

from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from retention.db.models import Action
from retention.domain.actions import ActionState
from retention.domain.exclusions import ExclusionKind, in_force
from retention.domain.messages import MessageClass
from retention.services import exclusions, switches


def stopped_by(session: Session, action: Action) -> str | None:
    """Return the switch that stops an action, or None; its case must be loaded."""
    scopes = switches.scopes_of(action.case.playbook, action.stage, action.kind)
    found = sorted(scopes & switches.stopped(session).keys())
    return found[0] if found else None


def kept_apart(session: Session, action: Action, on: date) -> str | None:
    """Return why a customer is left alone, or None. Nothing suppresses a legal notice."""
    theirs = exclusions.of_customer(session, action.customer_id, on)
    for kind in (ExclusionKind.HOLD, ExclusionKind.EXEMPTION):
        found = in_force(theirs, kind, action.case.playbook, on)
        if found is not None:
            return f"the customer has a {kind}: {found.reason}"
    message_class = action.rendering.message_class if action.rendering else None
    if message_class is None or message_class is MessageClass.LEGAL_NOTICE:
        return None
    found = in_force(theirs, ExclusionKind.SUPPRESSION, message_class, on)
    if found is not None:
        return f"suppressed: {found.reason}"
    if message_class is MessageClass.COMMERCIAL and _has_notice(session, action.customer_id):
        return "the customer has been given notice"
    return None


def _has_notice(session: Session, customer_id: str) -> bool:
    """Nobody who was given notice is sold anything."""
    notice = select(Action.id).where(
        Action.customer_id == customer_id,
        Action.effective_on.is_not(None),
        Action.state == ActionState.DONE,
        Action.voided_on.is_(None),
    )
    return session.scalar(notice.limit(1)) is not None
