"""Hand messages to our own people to the mail server; they are in no outbox."""

from collections.abc import Iterable

from retention.delivery.mail_server import MailServer
from retention.delivery.smtp import AttemptFailedError, Connection
from retention.domain.messages import Verdict
from retention.domain.people import Person
from retention.messages.mime import usable_address

TeamMail = tuple[Person, bytes]


def hand_over(mail: MailServer, sender: str, mails: Iterable[TeamMail]) -> tuple[int, int]:
    """Send each; return how many were accepted and how many were not.

    A server that will not have us is asked once: the rest count as not accepted.
    """
    todo = list(mails)
    sent = failed = 0
    with Connection(mail) as connection:
        for person, raw in todo:
            address = usable_address(person.email)
            if address is None:
                failed += 1
                continue
            try:
                connection.send(sender, address, raw, lambda _: None)
                sent += 1
            except AttemptFailedError as error:
                failed += 1
                if error.verdict is Verdict.SERVER:
                    return sent, len(todo) - sent
    return sent, failed
