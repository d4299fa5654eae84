"""The nightly flow: from the company's data to actions that wait for approval."""

from datetime import date
from typing import Any

from prefect import flow

from flows.parallel import all_done, task_runner
from flows.parameters import NightlyParameters
from retention.clock import business_date
from retention.domain.summaries import PullSummary, ScoreSummary
from retention.settings import get_settings
from tasks.heads import keep_head
from tasks.nightly import (
    claim_run,
    compare_customers,
    finish_scores,
    keeping_alive,
    measure_shard,
    pull_sources,
    recording_failure,
    release_decisions,
    score_shard,
)
from tasks.publishing import publish_night
from tasks.watch import telling_ops

DEFAULTS = NightlyParameters()


@flow(name="nightly", task_runner=task_runner(), timeout_seconds=6 * 3600)
def nightly(parameters: NightlyParameters = DEFAULTS) -> dict[str, Any]:
    """Score every customer and queue the next actions of their playbooks.

    Sends nothing. Running it again for the same business date changes nothing.
    """
    as_of = parameters.as_of or business_date(get_settings().timezone)
    with telling_ops():
        claim = claim_run(as_of, take_over=parameters.take_over, late=parameters.late)
        if claim.done is not None:
            return claim.done
        with recording_failure(claim), keeping_alive(claim):
            pulled = pull_sources(as_of)
            scored = _score(as_of, pulled)
            summary = release_decisions(claim, pulled, scored, parameters.plan)
    publish_night(summary)
    keep_head()
    return summary


def _score(as_of: date, pulled: PullSummary) -> ScoreSummary:
    """Measure and score shard by shard, in parallel; compare all customers in between."""
    shards = range(pulled.shards)
    all_done(measure_shard.submit(as_of, shard) for shard in shards)
    compare_customers(as_of)
    all_done(score_shard.submit(as_of, shard) for shard in shards)
    return finish_scores(as_of)
