"""The steps of the nightly flow."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

from prefect.runtime import flow_run
from sqlalchemy.exc import DBAPIError

from retention.answers.survey_answers import answers_until
from retention.bootstrap import get_application
from retention.clock import utc_now
from retention.db import schema
from retention.db.queries.actions import customers_waiting
from retention.db.session import reading, writing
from retention.domain.dates import date_in
from retention.domain.errors import (
    GateTrippedError,
    RunLockedError,
    RunRefusedError,
    SourceUnavailableError,
)
from retention.domain.runs import RunState
from retention.domain.summaries import NightSummary, PullSummary, ScoreSummary, as_json
from retention.ladder import decide_night as night
from retention.nights import gate_overrides as gates
from retention.nights import pull as nightly
from retention.nights import score_shards as scores
from retention.nights.plan import require_planned
from retention.runs import ledger as runs
from retention.runs import trust
from retention.runs.ledger import Lateness, RunClaim
from retention.snapshots.people import keep_at_hand
from tasks.steps import log, step, told

FLOW = "nightly"
_HOURS = 3600
_SIGNS_PER_LEASE = 5


def _is_transient(_task: object, _run: object, state: Any) -> bool:
    return isinstance(state.result(raise_on_failure=False), SourceUnavailableError)


@step(task_run_name="claim-{as_of}")
def claim_run(as_of: date, *, take_over: bool = False, late: str = "refuse") -> RunClaim:
    """Bring the database up to date and claim the business date, or find that it is done.

    A date that is too late is written down as skipped, and then refused. Raises ConfigError when a
    calendar names a place that does not exist.
    """
    shop, now = get_application(), utc_now()
    shop.policies.calendars.check()
    schema.make_ready(shop.engine)
    with writing(shop.engine) as session:
        if take_over:
            runs.release_lease(session, FLOW, as_of, now)
        today = date_in(now, shop.settings.timezone)
        lateness = Lateness(shop.policies.limits.late_days, late == "allow", late == "backfill")
        claim = runs.claim(session, FLOW, as_of, now, shop.lease, today=today, late=lateness)
        if claim.done is None and not claim.skipped:
            runs.note_flow_run(session, claim, flow_run.id)
    if claim.skipped:
        raise RunRefusedError(
            f"the night of {as_of}",
            f"is too late on {today}; it is skipped",
            "Run yesterday's; or this one with --allow-late, or --backfill to score it only.",
        )
    return claim


@contextmanager
def keeping_alive(claim: RunClaim) -> Iterator[None]:
    """While the block runs, say again and again that this process lives.

    Who does not say so for `lease_minutes` is taken for dead, and another process may take over.
    """
    over = threading.Event()
    teller = threading.Thread(target=_say_alive, args=(claim, over), daemon=True)
    teller.start()
    try:
        yield
    finally:
        over.set()
        teller.join()


def _say_alive(claim: RunClaim, over: threading.Event) -> None:
    shop = get_application()
    while not over.wait(shop.lease.total_seconds() / _SIGNS_PER_LEASE):
        try:
            renew_lease(claim)
        except RunLockedError:
            return  # taken over, or just written to its end: either way nothing is left to hold
        except DBAPIError:
            continue  # somebody writes for long; the next sign is due soon


def renew_lease(claim: RunClaim) -> None:
    """Say that this process is alive. Raises RunLockedError when another one has taken over."""
    shop = get_application()
    with writing(shop.engine) as session:
        runs.renew(session, claim, utc_now(), shop.lease)


@step(
    task_run_name="pull-{as_of}",
    retries=2,
    retry_delay_seconds=[10, 60],
    retry_condition_fn=_is_transient,
    timeout_seconds=2 * _HOURS,
)
def pull_sources(as_of: date) -> PullSummary:
    """Read, check and gate the company's data; divide it into shards."""
    shop = get_application()
    with reading(shop.engine) as session:
        history = trust.good_pulls(session, FLOW, shop.policies.guards.history, as_of)
        accepted = gates.accepted(session, as_of)
        answers = answers_until(session, as_of, shop.settings.timezone)
    pulled = nightly.pull(shop.policies, shop.folders, as_of, history, accepted, answers)
    log.info("%s: %d customers, rows %s, left out: %s", as_of, pulled.customers, pulled.rows,
             ", ".join(pulled.tripped) or "nothing")  # fmt: skip
    return pulled


@step(task_run_name="measure-{as_of}-{shard}", timeout_seconds=2 * _HOURS)
def measure_shard(as_of: date, shard: int) -> int:
    """Aggregate the rows of one shard's customers and their economics."""
    shop = get_application()
    return scores.measure_shard(shop.policies.costs, shop.folders, as_of, shard)


@step(task_run_name="compare-{as_of}", timeout_seconds=_HOURS)
def compare_customers(as_of: date) -> None:
    """Compare all customers once: peers, ranks, ties."""
    shop = get_application()
    scores.compare(shop.policies.costs, shop.folders, as_of)


@step(task_run_name="score-{as_of}-{shard}", timeout_seconds=2 * _HOURS)
def score_shard(as_of: date, shard: int) -> None:
    """Score one shard's customers."""
    shop = get_application()
    scores.score_shard(shop.policies.costs, shop.folders, as_of, shard)


@step(task_run_name="finish-scores-{as_of}")
def finish_scores(as_of: date) -> ScoreSummary:
    """Say that the snapshot is whole; forget the company's rows."""
    scored = scores.finish_scores(get_application().folders, as_of)
    log.info("%s: %d customers scored, fit %s", as_of, scored.customers, scored.fit)
    return scored


@step(task_run_name="release-{pulled.as_of}", timeout_seconds=2 * _HOURS)
def release_decisions(
    claim: RunClaim, pulled: PullSummary, scored: ScoreSummary, plan: str | None = None
) -> dict[str, Any]:
    """Decide everything and finish the run, in one transaction; only as `plan` says, if given."""
    shop = get_application()
    if claim.backfill:
        return _finish_backfill(claim, pulled, scored)
    with writing(shop.engine) as session:
        runs.require_newest(session, claim)
        decided = night.decide_night(session, shop.policies, shop.folders, shop.sender, pulled)
        if plan is not None:
            require_planned(session, shop.policies, pulled, plan)
        parts = {"pull": pulled, "scores": scored, "decisions": decided}
        summary = {name: as_json(part) for name, part in parts.items()}
        keep_at_hand(shop.folders.snapshots, pulled.as_of, customers_waiting(session))
        runs.finish(session, claim, RunState.COMPLETED, summary, utc_now())
    log.info("%s: decided %s, proposed %s, held %s", pulled.as_of, decided.decisions,
             decided.proposed, decided.over_cap or "nothing")  # fmt: skip
    return summary


def _finish_backfill(claim: RunClaim, pulled: PullSummary, scored: ScoreSummary) -> dict[str, Any]:
    """Finish a run that was scored only: nothing is decided on what is long past."""
    decided = NightSummary(as_of=pulled.as_of)
    parts = {"pull": pulled, "scores": scored, "decisions": decided}
    summary = {name: as_json(part) for name, part in parts.items()}
    with writing(get_application().engine) as session:
        runs.finish(session, claim, RunState.BACKFILLED, summary, utc_now())
    return summary


@contextmanager
def recording_failure(claim: RunClaim) -> Iterator[None]:
    """Mark the run held or failed when its steps raise, so that it can be started again."""
    try:
        yield
    except Exception as error:
        held = isinstance(error, GateTrippedError)
        why = {"reason": type(error).__name__, "why": told(error)}
        with writing(get_application().engine) as session:
            state = RunState.HELD if held else RunState.FAILED
            runs.finish(session, claim, state, why, utc_now())
        log.error("the night is %s: %s", state, why["why"])
        raise
