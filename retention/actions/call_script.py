"""The script of a call: what to know before, what to say, what to log."""

from typing import Any

from retention.db.models.work.actions import Action
from retention.domain.actions import ActionKind
from retention.domain.forms import REPLY
from retention.domain.people import Person
from retention.messages.locale import zone_of
from retention.messages.rendering import render_text
from retention.messages.sender import Sender
from retention.messages.template_filters import Manner
from retention.messages.template_values import values_of
from retention.messages.terms import Terms

_FALLBACK = "call"


def script_of(action: Action, row: dict[str, Any], manager: Person, sender: Sender) -> str | None:
    """Return the script of a call in the customer's language; None for what is no call.

    Raises TemplateError.
    """
    if action.kind is not ActionKind.CALL or action.form == REPLY:
        return None
    folder = sender.templates / "call"
    wanted = [
        folder / f"{form}.{language}.md"
        for form in (action.form, _FALLBACK)
        for language in (row.get("language"), "en")
    ]
    path = next((p for p in wanted if p.is_file()), None)
    if path is None:
        return None
    values = values_of(row, manager, sender.company, Terms(), action.proposed_on)
    locale = f"{path.suffixes[-2][1:]}_{row.get('country') or 'GB'}"
    manner = Manner(locale, sender.currency, timezone=zone_of(row) or sender.timezone)
    return render_text(sender.templates, path.read_text("utf-8"), values, manner)
