"""The very message, as its customer will see it: in a frame of its own, without scripts."""

import re
from email import message_from_bytes, policy
from email.message import EmailMessage

from markupsafe import escape
from starlette.responses import HTMLResponse, Response

from retention.actions.message_in_other_words import in_language
from retention.db.models.work.actions import Action, Rendering
from retention.domain.actions import ActionKind, ActionState
from retention.domain.errors import NotFoundError
from retention.messages.leaving import as_leaving, pdf_of
from retention.nights.printed_letters import look_before_printing
from retention.web.console.item import seen_action
from retention.web.headers import FRAMED
from retention.web.visit import Visit

_DARK = re.compile(r"\(prefers-color-scheme:\s*dark\)")
_PLAIN = (
    '<!doctype html><html lang="{lang}"><meta charset="utf-8"><meta name="color-scheme" '
    'content="light dark"><title>{title}</title><style>body{{font:14px/1.5 ui-monospace,monospace;'
    "white-space:pre-wrap;overflow-wrap:anywhere;margin:16px;color:CanvasText;background:Canvas}}"
    "</style><body>{text}</html>"
)


def show_message(visit: Visit) -> Response:
    """Show a message as it is asked for: light, dark, as text, with its headers, in my language."""
    action, rendering = _rendering(visit)
    how = visit.asked("as", "phone")
    if how == "text":
        return _framed(_plain(rendering.language, rendering.subject, rendering.text))
    if how == "headers":
        return _framed(_plain("en", "headers", _headers(rendering)))
    if how == "mine":
        made = in_language(visit.session, action, visit.actor, visit.words.language,
                           visit.shop.sender, visit.shop.folders)  # fmt: skip
        return _framed(_DARK.sub("not all", made.html))
    scheme = "all" if how == "dark" else "not all"
    return _framed(_DARK.sub(scheme, rendering.html))


def show_pdf(visit: Visit) -> Response:
    """Return the letter of a message, dated today; one to be posted only while nothing stops it."""
    action, rendering = _rendering(visit)
    if rendering.letter is None:
        raise NotFoundError(f"action {action.id[:8]}", "has no letter", "Look at the message.")
    shop = visit.shop
    if action.kind is ActionKind.LETTER and action.state is ActionState.APPROVED:
        look_before_printing(visit.session, action, shop.policies, shop.folders, visit.now)
    data = pdf_of(rendering.letter, visit.now, shop.settings.timezone,
                  shop.settings.templates_dir, shop.policies.brand.logo)  # fmt: skip
    return _file(data, "application/pdf", f"{action.template}-{action.id[:8]}.pdf", inline=True)


def show_calendar(visit: Visit) -> Response:
    """Return the calendar entry of an invitation."""
    action, rendering = _rendering(visit)
    for part in _parsed(rendering).walk():
        if part.get_content_type() == "text/calendar":
            data = part.get_payload(decode=True)
            return _file(bytes(data), "text/calendar", "call.ics")
    raise NotFoundError(f"action {action.id[:8]}", "has no calendar entry", "Look at the message.")


def show_eml(visit: Visit) -> Response:
    """Return the message's own bytes, as they would leave now, to be opened elsewhere."""
    action, rendering = _rendering(visit)
    if action.kind is ActionKind.LETTER:
        raise NotFoundError(f"action {action.id[:8]}", "is a letter", "Print its PDF.")
    shop = visit.shop
    data = as_leaving(rendering.raw, rendering.letter, visit.now, shop.settings.timezone,
                      shop.settings.templates_dir, shop.policies.brand.logo)  # fmt: skip
    return _file(data, "message/rfc822", f"{action.id[:8]}.eml")


def _rendering(visit: Visit) -> tuple[Action, Rendering]:
    action = seen_action(visit)
    if action.rendering is None or not action.rendering.raw:
        raise NotFoundError(
            f"action {action.id[:8]}", "has no message", "Its customer may have been erased."
        )
    return action, action.rendering


def _parsed(rendering: Rendering) -> EmailMessage:
    found = message_from_bytes(rendering.raw, policy=policy.default)
    if not isinstance(found, EmailMessage):
        raise TypeError("the default policy makes e-mail messages")
    return found


def _headers(rendering: Rendering) -> str:
    if rendering.raw[:5] == b"%PDF-":
        return f"To: {rendering.recipient}"
    return "\n".join(f"{name}: {value}" for name, value in _parsed(rendering).items())


def _plain(language: str, title: str, text: str) -> str:
    return _PLAIN.format(lang=language, title=escape(title), text=escape(text))


def _framed(html: str) -> Response:
    return HTMLResponse(html, headers={"Content-Security-Policy": FRAMED})


def _file(data: bytes, kind: str, name: str, *, inline: bool = False) -> Response:
    how = "inline" if inline else "attachment"
    headers = {"Content-Disposition": f'{how}; filename="{name}"'}
    if inline:
        headers["Content-Security-Policy"] = (
            "default-src 'none'; frame-ancestors 'self'; "
            "object-src 'self'; style-src 'unsafe-inline'"
        )
    return Response(data, media_type=kind, headers=headers)
