"""A test of a message, to one's own address only: its customer never sees it."""

from email import message_from_bytes, policy
from email.message import EmailMessage

from starlette.responses import Response

from retention.db.session import writing
from retention.delivery.team_post import hand_over
from retention.domain.actions import ActionKind
from retention.domain.people import refuse
from retention.messages.leaving import as_leaving
from retention.safeguards import kill_switch, stop_file
from retention.web.console.item import seen_action
from retention.web.console.queue import Asked
from retention.web.visit import Visit

_NOT_FOR_US = ("List-Unsubscribe", "List-Unsubscribe-Post", "List-Id", "Reply-To", "Message-ID",
               "X-Entity-Ref-ID")  # fmt: skip


def send_test(visit: Visit) -> Response:
    """Send the message to one's own address, marked as a test; while sending is stopped, not."""
    action, shop = seen_action(visit), visit.shop
    subject = f"action {action.id[:8]}"
    if action.kind is not ActionKind.EMAIL or action.rendering is None or not action.rendering.raw:
        refuse(subject, "is no e-mail", "Only e-mails are tested.")
    stopped = kill_switch.stopped(visit.session)
    if stop_file.is_stopped(shop.settings.stop_file) or {"all", "mail"} & set(stopped):
        refuse(subject, "cannot be tested: all sending is stopped", "See the switches.")
    rendering = action.rendering
    raw = as_leaving(rendering.raw, rendering.letter, visit.now, shop.settings.timezone,
                     shop.settings.templates_dir, shop.policies.brand.logo)  # fmt: skip
    test = _to_oneself(raw, rendering.token, visit)
    sent, _ = hand_over(shop.mail, shop.sender.address, [(visit.person, test)])
    if not sent:
        refuse(subject, "was not taken by the mail server", "Look at the outbox, or ask ops.")
    with writing(shop.engine) as session:  # the one of the page only reads: mail servers take time
        visit.actor.tell(session, "action.tested", action)
    return visit.go(f"/queue/{action.id}?{Asked.of(visit).query(done='tested')}")


def _to_oneself(raw: bytes, token: str, visit: Visit) -> bytes:
    """Return the message with another recipient: none of its ways back reaches the case.

    Its token is put out of every part, and an invitation is left out.
    """
    message = message_from_bytes(raw, policy=policy.SMTP)
    if not isinstance(message, EmailMessage):
        raise TypeError("the SMTP policy makes e-mail messages")
    for part in message.walk():
        kind = part.get_content_type()
        if kind == "text/calendar":
            part.set_payload("")
        elif kind in ("text/plain", "text/html") and isinstance(part, EmailMessage):
            words = str(part.get_content()).replace(token, "test")
            part.set_content(words, subtype=kind.partition("/")[2])
    for name in _NOT_FOR_US:
        del message[name]
    subject = f"[{visit.words.say('test')}] {message['Subject']}"
    for name, value in (("To", visit.person.email), ("Subject", subject)):
        del message[name]
        message[name] = value
    return message.as_bytes()
