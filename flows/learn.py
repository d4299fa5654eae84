"""The learning flow: weekly, from what has happened since."""

from typing import Any

from prefect import flow

from flows.parameters import WeeklyParameters
from retention.clock import business_date
from retention.settings import get_settings
from tasks.learning import learn_churn, learn_invoices
from tasks.publishing import publish_models
from tasks.rounds import noting_round
from tasks.watch import telling_ops

DEFAULTS = WeeklyParameters()


@flow(name="learn", timeout_seconds=2 * 3600)
def learn(parameters: WeeklyParameters = DEFAULTS) -> dict[str, Any]:
    """Fit and back-test the models; nights use the newest of each kind that has skill."""
    as_of = parameters.as_of or business_date(get_settings().timezone)
    with telling_ops(), noting_round("learn"):
        learnt = {"churn": learn_churn(as_of), **learn_invoices(as_of)}
    publish_models(learnt)
    return learnt
