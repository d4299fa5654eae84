"""The step of the inbox flow: each message takes effect in a transaction of its own."""

from collections import Counter

from sqlalchemy.exc import DBAPIError

from retention.bootstrap import Application, get_application
from retention.clock import utc_now
from retention.db import schema
from retention.db.models.incoming import Incoming
from retention.db.session import writing
from retention.domain.errors import ConfigError
from retention.domain.summaries import InboxSummary
from retention.inbox import take_effect as inbox
from retention.inbox.mailboxes import Box, open_box
from retention.inbox.parse import Received, read_incoming
from tasks.steps import step


@step()
def read_inbox(limit: int) -> InboxSummary:
    """Put what has arrived on record and let it take effect; a second reading changes nothing.

    Raises ConfigError when no mailbox is configured, BoxUnavailableError when it cannot be opened.
    """
    shop = get_application()
    where, password = shop.settings.inbox, shop.settings.inbox_password
    if where is None:
        raise ConfigError("RETENTION_INBOX", "is missing", "Say where answers arrive.")
    if not schema.prepare(shop.engine):
        return InboxSummary()  # before the first night nothing of ours can be answered
    secret = password.get_secret_value() if password else None
    with open_box(where, secret, shop.settings.mail_ca_file) as box:
        return _read_all(shop, box, limit)


def _read_all(shop: Application, box: Box, limit: int) -> InboxSummary:
    kinds: Counter[str] = Counter()
    known = unmatched = 0
    for arrived in box.unread(limit):
        try:
            row = _take_in(shop, read_incoming(arrived.raw))
        except (DBAPIError, inbox.NotYetError):
            continue  # it is not marked, so the next round meets it again
        if row is None:
            known += 1
        else:
            kinds[row.kind.value] += 1
            unmatched += row.message_id is None
        box.mark(arrived.key)
    return InboxSummary(dict(sorted(kinds.items())), known, unmatched)


def _take_in(shop: Application, received: Received) -> Incoming | None:
    """Put a message on record; None for one that was there before."""
    with writing(shop.engine) as session:
        return inbox.take_in(session, received, utc_now(), rules_of(shop))


def rules_of(shop: Application) -> inbox.InboxRules:
    """Return what the company says about what comes back."""
    policies = shop.policies
    return inbox.InboxRules(
        timezone=shop.settings.timezone,
        answer_within=policies.conversations.answer_within,
        workdays=policies.calendars.of_company,
        soft_bounces=policies.sending.soft_bounces,
        dead_at_once=policies.sending.dead_at_once,
    )
