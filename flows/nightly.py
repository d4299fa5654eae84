"""The nightly flow: from the company's data to actions that wait for approval."""

from typing import Any

from prefect import flow

from flows.parameters import NightlyParameters
from retention.clock import business_date
from retention.settings import get_settings
from tasks.nightly import (
    claim_run,
    pull_sources,
    recording_failure,
    release_decisions,
    score_customers,
)
from tasks.publishing import publish_night

DEFAULTS = NightlyParameters()


@flow(name="nightly", timeout_seconds=6 * 3600)
def nightly(parameters: NightlyParameters = DEFAULTS) -> dict[str, Any]:
    """Score every customer and queue the next actions of their playbooks.

    Sends nothing. Running it again for the same business date changes nothing.
    """
    as_of = parameters.as_of or business_date(get_settings().timezone)
    claim = claim_run(as_of, take_over=parameters.take_over)
    if claim.done is not None:
        return claim.done
    with recording_failure(claim):
        pulled = pull_sources(as_of, accept_changes=parameters.accept_changes)
        scored = score_customers(as_of)
        summary = release_decisions(claim, as_of, pulled, scored)
    publish_night(summary)
    return summary
