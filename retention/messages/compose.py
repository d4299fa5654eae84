"""Compose the message of an action: values for the template, then the exact bytes."""

from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from retention.db.models.work.actions import Action, Rendering
from retention.domain.actions import ActionKind
from retention.domain.errors import TemplateError
from retention.domain.messages import MessageClass
from retention.domain.people import Person
from retention.messages.editing import with_edits
from retention.messages.invitations import Appointment, Words, make_invitation
from retention.messages.leaving import letter_text, pdf_of
from retention.messages.letterheads import address_block, letterhead
from retention.messages.letters import Letterhead
from retention.messages.locale import manner_of, place_of, zone_of
from retention.messages.logo import inline_logo
from retention.messages.mime import (
    Attachment,
    Envelope,
    build_bytes,
    message_id_for,
    usable_address,
)
from retention.messages.page_links import page_values, pages_of, ways_out
from retention.messages.rendering import Plain, Rendered, render
from retention.messages.sender import BY_POST, Sender
from retention.messages.template_filters import Manner
from retention.messages.template_values import contracts_of, values_of
from retention.messages.templates import Template, load_template
from retention.messages.terms import Terms
from retention.messages.tokens import make_token, tagged

_MORNING = time(6, 0)


def written_at(as_of: date, timezone: str) -> datetime:
    """Return the moment a night's messages are written: the next morning in the company's zone.

    It depends on the business date only, so that a repeated night composes the same bytes.
    """
    return datetime.combine(as_of + timedelta(days=1), _MORNING, ZoneInfo(timezone))


def compose(
    action: Action,
    row: dict[str, Any],
    manager: Person,
    sender: Sender,
    terms: Terms,
    at: datetime | None = None,
    edits: dict[str, str] | None = None,
) -> Rendering:
    """Return the rendering of an e-mail or a letter, as of `at` or the morning after its night.

    `edits` are free parts of its template that somebody has written anew, by name.

    It is dated when it leaves; its PDF shows that moment until then.

    `row` is the customer's score row with name and address. A letter has no address to send to:
    its bytes are its PDF, to be printed or handed to a provider. Raises TemplateError.
    """
    found = load_template(sender.templates, action.template or "", row["language"])
    template = with_edits(found, edits)
    token = make_token(sender.token_key, "message", action.id)
    at = at or written_at(action.proposed_on, sender.timezone)
    envelope = _envelope(action, row, manager, sender, template, token)
    values = values_of(row, manager, sender.company, terms, action.proposed_on)
    values["sender"] = _about_us(action, manager, sender, envelope)
    pages = pages_of(action, template, sender)
    values["page"] = page_values(template, sender, pages)
    manner = manner_of(template, row, sender)
    rendered = render(sender.templates, template, values, manner)
    by_post = action.kind is ActionKind.LETTER
    letter, pdf, logo = None, b"", sender.brand.logo
    files: list[Attachment] = []
    if template.front.pdf or by_post:
        head = _letterhead(action, row, manager, sender, rendered, manner)
        letter = letter_text(head, rendered.blocks, sender.templates)
        pdf = pdf_of(letter, at, sender.timezone, sender.templates, logo)
        files.append(Attachment(f"{action.template}.pdf", "application/pdf", pdf))
    invitation = _invitation(rendered, envelope, terms.appointment, manager.phone, at)
    return Rendering(
        action_id=action.id,
        recipient=envelope.recipient,
        sender=envelope.sender,
        subject=rendered.subject,
        language=template.language,
        policy=template.front.policy,
        message_class=template.customer_class,
        message_id=envelope.message_id,
        return_path=tagged(sender.bounces_to, token) if sender.bounces_to else envelope.sender,
        token=token,
        timezone=zone_of(row),
        place=place_of(row),
        text=rendered.text,
        html=rendered.html,
        raw=pdf
        if by_post
        else build_bytes(rendered, envelope, tuple(files), invitation, inline_logo(logo)),
        letter=letter,
        edits=edits or None,
        pages=pages or None,
        topic=template.front.topic,
    )


def _letterhead(
    action: Action,
    row: dict[str, Any],
    manager: Person,
    sender: Sender,
    rendered: Rendered,
    manner: Manner,
) -> Letterhead:
    return letterhead(
        sender, rendered.subject, address_block(row), reference=reference_of(action.id),
        customer_number=action.customer_id, signer=manager.name, locale=manner.locale,
        contract_number=contracts_of(row, 3),
    )  # fmt: skip


def _about_us(
    action: Action, manager: Person, sender: Sender, envelope: Envelope
) -> dict[str, Plain]:
    """What a message says of its sender: where we are, and how to answer or to opt out."""
    opt_out = sender.replies_to or manager.email
    return {
        "postal_address": sender.postal_address or sender.company,
        "opt_out": opt_out,
        "unsubscribe": f"mailto:{opt_out}?subject=unsubscribe",
        "reply_to": envelope.reply_to,
        "reference": reference_of(action.id),
        "tax_id": sender.brand.tax_id,
    }


def reference_of(action_id: str) -> str:
    """Return how a customer names a message when they answer it."""
    return action_id[:8].upper()


def _invitation(
    rendered: Rendered, envelope: Envelope, agreed: Appointment | None, phone: str, at: datetime
) -> Attachment | None:
    if agreed is None or rendered.event is None:
        return None
    data = make_invitation(
        agreed,
        Words(*rendered.event, phone),
        uid=f"{agreed.call_id}@{envelope.sender.rpartition('@')[2]}",
        organiser=(envelope.reply_name, envelope.reply_to),
        attendee=envelope.recipient,
        written_at=at,
    )
    kind = f'text/calendar; charset="utf-8"; method={agreed.method}'
    return Attachment("call.ics", kind, data)


def _envelope(
    action: Action,
    row: dict[str, Any],
    manager: Person,
    sender: Sender,
    template: Template,
    token: str,
) -> Envelope:
    by_post = action.kind is ActionKind.LETTER
    address = sender.from_address(template.customer_class)
    commercial = template.customer_class is MessageClass.COMMERCIAL
    return Envelope(
        company=sender.company,
        sender=address,
        recipient=BY_POST if by_post else _recipient(row["email"]),
        reply_to=tagged(sender.replies_to, token) if sender.replies_to else manager.email,
        reply_name=manager.name,
        message_id=message_id_for(token, address),
        written_at=None,
        language=template.language,
        unsubscribe=ways_out(action, template, sender, token) if commercial else (),
        list_id=f"news.{address.rpartition('@')[2]}" if commercial else None,
    )


def _recipient(address: str | None) -> str:
    usable = usable_address(address)
    if usable is None:
        raise TemplateError("a message", "has no usable recipient", "Correct the address.")
    return usable
