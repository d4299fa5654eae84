"""The delivery flow: send what people have approved."""

from prefect import flow

from flows.parameters import DeliverParameters
from retention.domain.summaries import DeliverySummary
from tasks.delivery import call_off, deliver_due, recover_lost
from tasks.publishing import publish_delivery
from tasks.rounds import noting_round
from tasks.watch import telling_ops
from tasks.webhooks import tell_others

DEFAULTS = DeliverParameters()


@flow(name="deliver", timeout_seconds=3600)
def deliver(parameters: DeliverParameters = DEFAULTS) -> DeliverySummary:
    """Send approved messages that are due, each at most once per approval."""
    with telling_ops(), noting_round("deliver") as noted:
        recovered = recover_lost()
        call_off()
        summary = noted.summary = deliver_due(parameters.limit)
        tell_others()
    publish_delivery(summary, recovered)
    return summary
