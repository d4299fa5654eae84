"""What people see of an action before they decide on it."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session, object_session

from retention.actions.needed import still_needed
from retention.db.models.customer_pages import Submission
from retention.db.models.work.actions import Action
from retention.domain.actions import SENT_KINDS, ActionKind, ActionState
from retention.domain.customer_pages import Said
from retention.domain.forms import FORMS
from retention.messages.content_hash import content_of

if TYPE_CHECKING:
    from retention.people.actor import Actor

People = dict[str, dict[str, Any]]
"""What is known of customers, by id: name, email, phone."""


def _told_number(action: Action) -> str | None:
    """Return the number that a customer gave when they chose the time of a call."""
    session = object_session(action)
    if action.kind is not ActionKind.CALL or session is None:
        return None
    said = session.scalars(
        select(Submission.values)
        .where(Submission.customer_id == action.customer_id, Submission.said == Said.CALL)
        .order_by(Submission.id.desc())
        .limit(1)
    ).first()
    return (said or {}).get("phone")


def _needed(action: Action, valid: timedelta, now: datetime) -> list[str]:
    return still_needed(action, now, valid) if action.rendering is not None else []


def summary(action: Action, people: People, valid: timedelta, now: datetime) -> dict[str, Any]:
    """Return an action as a row of the queue; `valid` is how long an approval counts."""
    return {
        "id": action.id,
        "customer_id": action.customer_id,
        "name": people.get(action.customer_id, {}).get("name"),
        "playbook": action.case.playbook,
        "stage": action.stage,
        "kind": action.kind,
        "template": action.template,
        "form": action.form,
        "state": action.state,
        "owner": action.owner,
        "proposed_on": action.proposed_on.isoformat(),
        "due_on": action.due_on.isoformat(),
        "waits_for": _needed(action, valid, now),
        "subject": action.rendering.subject if action.rendering else None,
    }


def details(
    action: Action, people: People, valid: timedelta, now: datetime, timezone: str
) -> dict[str, Any]:
    """Return everything a person needs to decide on an action; `timezone` is the company's."""
    message, form = action.rendering, FORMS.get(action.form or "")
    return summary(action, people, valid, now) | {
        "email": people.get(action.customer_id, {}).get("email"),
        "phone": people.get(action.customer_id, {}).get("phone") or _told_number(action),
        "outcome": action.outcome,
        "note": action.note,
        "effective_on": action.effective_on,
        "answers": action.answers or {},
        "agreed_for": _agreed_for(action, timezone),
        "asks": form.fields if form else {},
        "snoozed_until": action.snoozed_until,
        "escalated_on": action.escalated_on,
        "offer": action.offer
        and {
            "kind": action.offer.kind,
            "version": action.offer.version,
            "state": action.offer.state,
            "current_fee": action.offer.current_fee,
            "new_fee": action.offer.new_fee,
            "detail": action.offer.detail,
            "expires_on": action.offer.expires_on,
            "counter_fee": action.offer.counter_fee,
        },
        "comments": [{"by": c.person_id, "text": c.text} for c in action.comments],
        "message": message
        and {
            "to": message.recipient,
            "subject": message.subject,
            "language": message.language,
            "text": message.text,
            "content_hash": content_of(action),
            "state": action.message.state if action.message else None,
        },
        "approvals": [
            {
                "by": a.person_id,
                "role": a.role,
                "for": a.on_behalf_of,
                "approved": a.approved,
                "reason": a.reason,
            }
            for a in action.approvals
        ],
        "receipt": action.receipt and {"reason": action.receipt.reason, **action.receipt.document},
    }


def _agreed_for(action: Action, timezone: str) -> str | None:
    """Return when an agreed call will be, on the company's clock."""
    if action.agreed_call is None:
        return None
    at = action.agreed_call.starts_at.astimezone(ZoneInfo(timezone))
    return at.strftime("%Y-%m-%d %H:%M %Z")


def decided(session: Session, action: Action, actor: "Actor", valid: timedelta) -> dict[str, Any]:
    """Return what a decision has led to; of an approved e-mail also when it may leave."""
    from retention.actions.leaving_times import departure  # who only lists needs no calendar

    waiting = action.state is ActionState.PENDING_APPROVAL
    leaving = action.state is ActionState.APPROVED and action.kind in SENT_KINDS
    found = departure(session, action, actor) if leaving else None
    return {
        "id": action.id,
        "state": action.state,
        "owner": action.owner,
        "waits_for": _needed(action, valid, actor.now) if waiting else [],
        "leaves_at": found and found.earliest.astimezone(ZoneInfo(actor.zone)).isoformat(),
        "last_day": found and found.last_day.isoformat(),
    }
