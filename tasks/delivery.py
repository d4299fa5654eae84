"""The steps of the delivery flow. Each message is claimed, sent and recorded in its own commits."""

from collections import Counter
from datetime import timedelta

from retention.actions.agreed_calls import call_off_moot
from retention.actions.under_notice import under_notice
from retention.bootstrap import Application, get_application
from retention.clock import utc_now
from retention.db import schema
from retention.db.session import reading, writing
from retention.delivery import attempts, canaries
from retention.delivery import circuit_breaker as health
from retention.delivery import recheck_sources as freshness
from retention.delivery import selection as rounds
from retention.delivery.claim import expire_late
from retention.delivery.last_check import NIGHTLY
from retention.delivery.worker import PostOffice
from retention.domain.dates import date_in
from retention.domain.messages import MessageState
from retention.domain.stages import ADVERSE_STAGES
from retention.domain.summaries import DeliverySummary
from retention.messages import outbox
from retention.nights import last_look
from retention.runs import trust
from retention.safeguards.stop_file import is_stopped
from tasks.steps import step


@step()
def recover_lost() -> int:
    """Settle messages whose sending process died, and expire those that are too late."""
    shop, now = get_application(), utc_now()
    if not schema.prepare(shop.engine):
        return 0  # before the first night there is no outbox
    with writing(shop.engine) as session:
        expire_late(session, now, shop.settings.timezone)
        canaries.stop_bad_batches(session, now, shop.policies.canary)
        return attempts.recover(session, now)


@step()
def call_off() -> int:
    """Take agreed calls back that nobody will make any more."""
    shop = get_application()
    if not schema.prepare(shop.engine):
        return 0
    with writing(shop.engine) as session:
        return call_off_moot(session, utc_now(), shop.policies, shop.sender, shop.folders)


@step()
def deliver_due(limit: int) -> DeliverySummary:
    """Send what is approved, due and within the recipients' hours, over kept connections."""
    shop, now = get_application(), utc_now()
    if not schema.prepare(shop.engine):
        return DeliverySummary()
    with writing(shop.engine) as session:
        found = rounds.gather(session, now, limit, shop.policies, shop.settings.timezone)
        health.stop_when_failing(session, now, shop.policies.sending.errors)
        stopped = health.why_stopped(session)
    if stopped or is_stopped(shop.settings.stop_file):
        with writing(shop.engine) as session:
            outbox.put_off(session, found.ids, "all sending is stopped", now)
        return DeliverySummary({"stopped": len(found.ids)} if found.ids else {}, found.waiting)
    ids, kept = _without_changed(shop, found.ids)
    with _post_office(shop) as office:
        states = office.send_all(ids)
    states.update(kept)
    return DeliverySummary({state: n for state, n in sorted(states.items()) if n}, found.waiting)


def _without_changed(shop: Application, ids: list[str]) -> tuple[list[str], Counter[str]]:
    """Leave out what the company's own data speaks against by now; no lock is held meanwhile."""
    valid = timedelta(hours=shop.policies.approvals.valid_hours)
    with reading(shop.engine) as session:
        asked_of = freshness.ask_company(session, ids, utc_now(), valid)
        history = trust.good_pulls(session, NIGHTLY, shop.policies.guards.history)
        served = under_notice(session, {q.action_id for q in asked_of}) if asked_of else set()
    if not asked_of:
        return ids, Counter()
    today = date_in(utc_now(), shop.settings.timezone)
    asked = [
        last_look.Guarded(
            q.message_id,
            q.customer_id,
            q.proposed_on,
            q.recipient,
            q.stage in ADVERSE_STAGES,
            not freshness.is_guarded(q),
            runs=q.action_id in served,
        )
        for q in asked_of
    ]
    found = last_look.look(shop.policies, shop.folders, asked, history, today)
    with writing(shop.engine) as session:
        kept = freshness.keep_back(session, asked_of, found.doubt, found.against, utc_now())
    state = "stopped" if found.doubt is not None else MessageState.CANCELLED.value
    return [i for i in ids if i not in kept], Counter({state: len(kept)})


def _post_office(shop: Application) -> PostOffice:
    settings = shop.settings
    return PostOffice(
        shop.engine, shop.mail, shop.policies, settings.timezone, settings.stop_file,
        settings.templates_dir, shop.gateways,
    )  # fmt: skip
