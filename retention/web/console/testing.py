"""A test of a message, to one's own address only: its customer never sees it."""

from email import message_from_bytes, policy
from email.message import EmailMessage

from starlette.responses import Response

from retention.delivery.team_post import hand_over
from retention.domain.actions import ActionKind
from retention.domain.people import refuse
from retention.messages.leaving import as_leaving
from retention.safeguards import kill_switch, stop_file
from retention.web.console.item import seen_action
from retention.web.console.queue import Asked
from retention.web.visit import Visit

_NOT_FOR_US = ("List-Unsubscribe", "List-Unsubscribe-Post", "List-Id", "Reply-To", "Message-ID")


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
    test = _to_oneself(raw, visit)
    sent, _ = hand_over(shop.mail, shop.sender.address, [(visit.person, test)])
    if not sent:
        refuse(subject, "was not taken by the mail server", "Look at the outbox, or ask ops.")
    visit.actor.tell(visit.session, "action.tested", action)
    return visit.go(f"/queue/{action.id}?{Asked.of(visit).query(done='tested')}")


def _to_oneself(raw: bytes, visit: Visit) -> bytes:
    """Return the message with another recipient: none of its ways back reaches the case."""
    message = message_from_bytes(raw, policy=policy.SMTP)
    if not isinstance(message, EmailMessage):
        raise TypeError("the SMTP policy makes e-mail messages")
    for name in _NOT_FOR_US:
        del message[name]
    subject = f"[{visit.words.say('test')}] {message['Subject']}"
    for name, value in (("To", visit.person.email), ("Subject", subject)):
        del message[name]
        message[name] = value
    return message.as_bytes()
