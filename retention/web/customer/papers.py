"""The letter of an offer or a notice, as it left, with its reference."""

from starlette.responses import Response

from retention.messages.leaving import pdf_of
from retention.web.customer.guest import Guest


def letter(guest: Guest) -> Response:
    """Return the PDF that came with the message; the page for a message without one."""
    rendering, message = guest.who.action.rendering, guest.who.action.message
    if rendering is None or rendering.letter is None:
        return guest.go()
    sender = guest.who.sender
    at = message.sent_at if message and message.sent_at else guest.link.made_at
    pdf = pdf_of(rendering.letter, at, sender.timezone, sender.templates, sender.brand.logo)
    name = f"{guest.who.purpose}-{guest.who.action.id[:8].upper()}.pdf"
    headers = {"Content-Disposition": f'inline; filename="{name}"'}
    return Response(pdf, media_type="application/pdf", headers=headers)
