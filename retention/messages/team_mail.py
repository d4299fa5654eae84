"""A message to one of our own people: rendered from a template, finished to the byte."""

from datetime import datetime
from urllib.parse import urlsplit

from retention.domain.people import Person
from retention.messages.mime import Envelope, build_bytes
from retention.messages.rendering import Plain, render
from retention.messages.sender import Sender
from retention.messages.template_filters import Manner
from retention.messages.templates import load_template


def compose_for(
    person: Person,
    purpose: str,
    values: dict[str, dict[str, Plain] | Plain],
    sender: Sender,
    now: datetime,
    name: str,
) -> bytes:
    """Return the message, byte for byte; `name` makes its Message-ID. Raises TemplateError."""
    template = load_template(sender.templates, purpose, person.language)
    ours: dict[str, dict[str, Plain] | Plain] = {
        "company": sender.company,
        "customer": {"name": person.name},
        "console": f"{sender.console_url}/queue?view=mine" if sender.console_url else "",
    }
    console = urlsplit(sender.console_url or "").hostname
    hosts = frozenset({console} if console else ())
    manner = Manner(template.language, sender.currency, hosts)
    made = render(sender.templates, template, ours | values, manner)
    envelope = Envelope(
        company=sender.company,
        sender=sender.address,
        recipient=person.email,
        reply_to=sender.address,
        message_id=f"<{name}@{sender.address.rpartition('@')[2]}>",
        written_at=now,
        language=template.language,
    )
    return build_bytes(made, envelope)
