"""The steps of the learning flow."""

from contextlib import ExitStack
from datetime import date
from typing import Any

from retention.bootstrap import get_application
from retention.domain.stages import PlaybookName
from retention.learning import invoices
from retention.learning import train as learning
from retention.learning.entry_rules import backtest_entry, keep_receipt
from retention.learning.past import looking_back
from tasks.steps import step

_HOUR = 3600


@step(task_run_name="learn-churn-{as_of}", timeout_seconds=_HOUR)
def learn_churn(as_of: date) -> dict[str, Any]:
    """Learn who leaves, and whether the rules that pick whom to keep pick those.

    From our own snapshots, or from the sources while those are too young.
    """
    shop = get_application()
    there = (shop.policies, shop.folders, as_of)
    with ExitStack() as stack:
        past = stack.enter_context(looking_back(*there, from_sources=False))
        if not any(len(then.before) for then in past):
            past = stack.enter_context(looking_back(*there, from_sources=True))
        learnt, data_hash = learning.learn_churn(*there, past)
        retain = shop.policies.playbooks.get(PlaybookName.RETAIN)
        if retain is not None:
            keep_receipt(shop.folders.models, backtest_entry(retain, past, as_of))
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
