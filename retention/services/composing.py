"""Compose the message of an action: values for the template, then the exact bytes."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from retention.db.models import Action, Rendering
from retention.domain.actions import ActionKind
from retention.domain.errors import TemplateError
from retention.domain.people import Person
from retention.mail.message import (
    Envelope,
    build_bytes,
    message_id_for,
    usable_address,
)
from retention.mail.rendering import Plain, render
from retention.mail.templates import load_template
from retention.services.terms import Terms

_MORNING = time(6, 0)
_FELL = -0.3
BY_POST = "by post"


@dataclass(frozen=True, slots=True)
class Sender:
    """Who we are in a message, and where its templates are."""

    company: str
    address: str
    currency: str
    timezone: str
    templates: Path


def written_at(as_of: date, timezone: str) -> datetime:
    """Return the moment a night's messages are dated: the next morning in the company's zone.

    It depends on the business date only, so that a repeated night composes the same bytes.
    """
    return datetime.combine(as_of + timedelta(days=1), _MORNING, ZoneInfo(timezone))


def compose(
    action: Action, row: dict[str, Any], manager: Person, sender: Sender, terms: Terms
) -> Rendering:
    """Return the rendering of an e-mail or a letter. Raises TemplateError.

    `row` is the customer's score row with name and address. A letter has no address to send to:
    its bytes are its text, to be printed.
    """
    template = load_template(sender.templates, action.template or "", row["language"])
    locale = f"{template.language}_{row['country']}" if row["country"] else template.language
    values = _values(row, manager, sender, terms)
    rendered = render(sender.templates, template, values, locale, sender.currency)
    by_post = action.kind is ActionKind.LETTER
    envelope = Envelope(
        company=sender.company,
        sender=sender.address,
        recipient=BY_POST if by_post else _recipient(row["email"]),
        reply_to=manager.email,
        message_id=message_id_for(action.id, sender.address),
        written_at=written_at(action.proposed_on, sender.timezone),
        language=template.language,
    )
    raw = rendered.text.encode() if by_post else build_bytes(rendered, envelope)
    return Rendering(
        action_id=action.id,
        recipient=envelope.recipient,
        sender=sender.address,
        subject=rendered.subject,
        language=template.language,
        policy=template.front.policy,
        message_class=template.front.message_class,
        message_id=envelope.message_id,
        text=rendered.text,
        html=rendered.html,
        raw=raw,
    )


def _recipient(address: str | None) -> str:
    usable = usable_address(address)
    if usable is None:
        raise TemplateError("a message", "has no usable recipient", "Correct the address.")
    return usable


def _values(
    row: dict[str, Any], manager: Person, sender: Sender, terms: Terms
) -> dict[str, dict[str, Plain] | Plain]:
    values: dict[str, dict[str, Plain] | Plain] = {
        "company": sender.company,
        "customer": {"name": row["name"], "kind": row["kind"]},
        "manager": {"name": manager.name, "email": manager.email, "phone": manager.phone},
        "facts": {
            "overdue_amount": row["overdue_amount"] or Decimal(0),
            "tickets_12m": row["tickets_12m"] or 0,
            "top_topic": row["top_topic"] or "",
            "usage_fell": (row["usage_change"] or 0) <= _FELL,
        },
    }
    if terms.offer is not None:
        values["offer"] = {
            "current_fee": terms.offer.current_fee,
            "new_fee": terms.offer.new_fee,
            "expires_on": terms.offer.expires_on,
            "detail": terms.offer.detail or "",
        }
    if terms.notice is not None:
        values["notice"] = {
            "days": terms.notice.notice_days,
            "effective_on": terms.notice.effective_on,
            "alternative": terms.alternative,
            "fees": terms.fees,
        }
    return values
