"""The digest flow: each morning, what waits for whom."""

from prefect import flow

from retention.domain.summaries import DigestSummary
from tasks.digest import send_digests
from tasks.publishing import publish_digest
from tasks.rounds import noting_round
from tasks.watch import telling_ops


@flow(name="digest", timeout_seconds=1800)
def digest() -> DigestSummary:
    """Tell every member of the team what waits for them; once a day."""
    with telling_ops(), noting_round("digest") as noted:
        summary = noted.summary = send_digests()
    publish_digest(summary)
    return summary
