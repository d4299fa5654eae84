"""Compose the text of an action, for a telephone."""

from typing import Any

from retention.db.models.work.actions import Action, Rendering
from retention.domain.gateways import MARK
from retention.domain.people import Person
from retention.messages.locale import place_of, zone_of
from retention.messages.mime import message_id_for
from retention.messages.page_links import address_of_page
from retention.messages.sender import Sender
from retention.messages.template_filters import Manner
from retention.messages.template_values import values_of
from retention.messages.terms import Terms
from retention.messages.text_messages import load_text, require_number, write_text
from retention.messages.tokens import make_token


def compose_text(
    action: Action,
    row: dict[str, Any],
    manager: Person,
    sender: Sender,
    terms: Terms,
    channel: str,
) -> Rendering:
    """Return the rendering of a text that leaves by a gateway. Raises TemplateError."""
    template = load_text(sender.templates, action.template or "", row["language"])
    token = make_token(sender.token_key, "message", action.id)
    pages = [str(template.front.page)] if template.front.page and sender.public_url else []
    values = values_of(row, manager, sender.company, terms, action.proposed_on)
    values["page"] = {
        "answer": address_of_page(sender, template.front.page, pages),
        "preferences": "",
        "choose": "",
    }
    locale = f"{template.language}_{row['country']}" if row["country"] else template.language
    manner = Manner(locale, sender.currency, sender.own_hosts,
                    zone_of(row) or sender.timezone, sender.brand)  # fmt: skip
    text = write_text(sender.templates, template, values, manner)
    return Rendering(
        action_id=action.id,
        recipient=require_number(row),
        sender=channel,
        subject="",
        language=template.language,
        policy=template.front.policy,
        message_class=template.front.message_class,
        message_id=message_id_for(token, sender.address),
        return_path=f"{MARK}{channel}",
        token=token,
        timezone=zone_of(row),
        place=place_of(row),
        text=text,
        html="",
        raw=text.encode(),
        letter=None,
        edits=None,
        pages=pages or None,
        topic=template.front.topic,
    )
