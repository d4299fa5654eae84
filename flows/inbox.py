"""The inbox flow: bounces, complaints, automatic answers and replies."""

from prefect import flow

from flows.parameters import InboxParameters
from retention.domain.summaries import InboxSummary
from tasks.inbox import read_inbox
from tasks.publishing import publish_inbox
from tasks.rounds import noting_round
from tasks.watch import telling_ops

DEFAULTS = InboxParameters()


@flow(name="inbox", timeout_seconds=3600)
def inbox(parameters: InboxParameters = DEFAULTS) -> InboxSummary:
    """Read what has arrived; each message takes effect once, however often it is read."""
    with telling_ops(), noting_round("inbox") as noted:
        summary = noted.summary = read_inbox(parameters.limit)
    publish_inbox(summary)
    return summary
