"""The steps of the learning flow."""

from datetime import date
from typing import Any

from retention.bootstrap import get_application
from retention.learning import invoices
from retention.learning import train as learning
from tasks.steps import step

_HOUR = 3600


@step(task_run_name="learn-churn-{as_of}", timeout_seconds=_HOUR)
def learn_churn(as_of: date) -> dict[str, Any]:
    """Learn who leaves: from our own snapshots, or from the sources while those are too young."""
    shop = get_application()
    learnt, data_hash = learning.learn_churn(shop.policies, shop.folders, as_of, from_sources=False)
    if learnt.backtest.rows == 0:
        learnt, data_hash = learning.learn_churn(
            shop.policies, shop.folders, as_of, from_sources=True
        )
    return learning.keep(shop.folders.models, learnt, data_hash).as_json()


@step(task_run_name="learn-invoices-{as_of}", timeout_seconds=_HOUR)
def learn_invoices(as_of: date) -> dict[str, dict[str, Any]]:
    """Learn which invoices are paid very late or disputed, from what was known at their issue."""
    shop = get_application()
    found = invoices.learn_invoices(shop.policies, shop.folders, as_of)
    return {
        kind: learning.keep(shop.folders.models, learnt, data_hash).as_json()
        for kind, (learnt, data_hash) in found.items()
    }
