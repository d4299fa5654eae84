"""The steps of the nightly flow."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from retention.clock import utc_now
from retention.db import schema
from retention.db.session import reading, writing
from retention.domain.errors import GateTrippedError, SourceUnavailableError
from retention.domain.runs import RunState
from retention.domain.summaries import PullSummary, ScoreSummary, as_json
from retention.services import delivery, night, nightly, runs
from retention.services.runs import RunClaim
from retention.workshop import get_workshop

FLOW = "nightly"
_HOURS = 3600


def _is_transient(_task: object, _run: object, state: Any) -> bool:
    return isinstance(state.result(raise_on_failure=False), SourceUnavailableError)


@task(task_run_name="claim-{as_of}", cache_policy=NO_CACHE)
def claim_run(as_of: date, *, take_over: bool = False) -> RunClaim:
    """Bring the database up to date and claim the business date, or find that it is done."""
    shop, now = get_workshop(), utc_now()
    schema.upgrade(shop.engine)
    with writing(shop.engine) as session:
        if take_over:
            runs.release_lease(session, FLOW, as_of, now)
        today = delivery.today(now, shop.settings.timezone)
        return runs.claim(session, FLOW, as_of, now, shop.lease, today=today)


@task(
    task_run_name="pull-{as_of}",
    retries=2,
    retry_delay_seconds=[10, 60],
    retry_condition_fn=_is_transient,
    timeout_seconds=2 * _HOURS,
    cache_policy=NO_CACHE,
)
def pull_sources(as_of: date, *, accept_changes: bool = False) -> PullSummary:
    """Read, check and gate the company's data; write the features."""
    shop = get_workshop()
    with reading(shop.engine) as session:
        last = runs.last_pull(session, FLOW)
    return nightly.pull(shop.policies, shop.places, as_of, last, accept_changes=accept_changes)


@task(task_run_name="score-{as_of}", timeout_seconds=2 * _HOURS, cache_policy=NO_CACHE)
def score_customers(as_of: date) -> ScoreSummary:
    """Score every customer; write the snapshot."""
    shop = get_workshop()
    return nightly.score(shop.policies.costs, shop.places, as_of)


@task(task_run_name="release-{as_of}", timeout_seconds=2 * _HOURS, cache_policy=NO_CACHE)
def release_decisions(
    claim: RunClaim, as_of: date, pulled: PullSummary, scored: ScoreSummary
) -> dict[str, Any]:
    """Decide everything and finish the run, in one transaction."""
    shop = get_workshop()
    with writing(shop.engine) as session:
        runs.require_held(session, claim)
        decided = night.decide_night(session, shop.policies, shop.places, shop.sender, as_of)
        parts = {"pull": pulled, "scores": scored, "decisions": decided}
        summary = {name: as_json(part) for name, part in parts.items()}
        runs.finish(session, claim, RunState.COMPLETED, summary, utc_now())
    return summary


@contextmanager
def recording_failure(claim: RunClaim) -> Iterator[None]:
    """Mark the run held or failed when its steps raise, so that it can be started again."""
    try:
        yield
    except Exception as error:
        held = isinstance(error, GateTrippedError)
        with writing(get_workshop().engine) as session:
            state = RunState.HELD if held else RunState.FAILED
            runs.finish(session, claim, state, {"reason": type(error).__name__}, utc_now())
        raise
