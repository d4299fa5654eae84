"""The steps of the watch: take a killed night up again, and tell ops what is wrong."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from prefect.deployments import run_deployment

from retention.alerts import open_alerts, troubles
from retention.alerts.alert_mail import mails
from retention.bootstrap import Application, get_application
from retention.clock import utc_now
from retention.db import schema
from retention.db.session import reading, writing
from retention.delivery.team_post import hand_over
from retention.domain.dates import date_in
from retention.runs import dead_runs
from retention.runs.ledger import last_claim
from retention.safeguards.stop_file import is_stopped
from retention.scheduling.dead_starts import clear
from retention.scheduling.server import connected
from tasks.nightly import FLOW
from tasks.steps import is_deployed, log, step, told

NIGHTLY = "nightly/nightly"
_NEVER = datetime.min.replace(tzinfo=UTC)


@step()
def take_up_dead_nights() -> list[str]:
    """Start nights again whose process has died, once each; return their dates.

    One that dies again, or does not come up in time, has failed: a person has to look.
    """
    shop, now = get_application(), utc_now()
    if not schema.prepare(shop.engine):
        return []
    with writing(shop.engine) as session:
        for run in dead_runs.give_up(session, FLOW, now):
            log.error("the night of %s has failed: it died twice", run.business_date)
        found = dead_runs.take_up(session, FLOW, now)
        for run in found:
            start_night(run.business_date.isoformat())
            log.warning("the night of %s had died; it is taken up again", run.business_date)
    return [run.business_date.isoformat() for run in found]


@step()
def start_again_what_never_began() -> list[str]:
    """Free the queues of runs that died as they started; return those that are ordered again."""
    shop, now = get_application(), utc_now()
    if not is_deployed() or not schema.prepare(shop.engine):
        return []
    with reading(shop.engine) as session:
        claimed_at = last_claim(session, FLOW) or _NEVER
    with connected() as api:
        found = clear(api, now - dead_runs.BEGINS_WITHIN, claimed_at)
    for run in found:
        then = "it is ordered again" if run.again else "it is given up"
        log.warning("the run %s has died before it began; %s", run.name, then)
    return [run.name for run in found if run.again]


def start_night(as_of: str) -> None:
    """Order a run of the deployed night for a business date; one that is late by now is refused."""
    parameters: dict[str, Any] = {"parameters": {"as_of": as_of}}
    run_deployment(NIGHTLY, parameters=parameters, timeout=0, as_subflow=False)


@step()
def tell_ops() -> int:
    """Look for troubles and tell ops what is new; return how many mails were sent."""
    return tell(get_application())


def tell(shop: Application) -> int:
    """Settle the alerts and send what is news, to everybody with the role ops."""
    now = utc_now()
    if not schema.prepare(shop.engine):
        return 0
    today = date_in(now, shop.settings.timezone)
    rules, workdays = shop.policies.alerts, shop.policies.calendars.of_company(today)
    with writing(shop.engine) as session:
        wrong = troubles.find(session, rules, now, shop.settings.timezone, workdays)
        open_alerts.bring_up_to_date(session, wrong, now, troubles.undecided(session))
        if is_stopped(shop.settings.stop_file):
            return 0
        news = open_alerts.take_news(session, now, rules.mails_per_day)
    if not news:
        return 0
    written = mails(news, shop.policies.team, shop.sender, now)
    sent, _ = hand_over(shop.mail, shop.sender.address, written)
    with writing(shop.engine) as session:
        open_alerts.mark_told(session, news, now, sent=sent > 0)
    log.info(
        "%d mails to ops: %d troubles began, %d are over", sent, len(news.began), len(news.over)
    )
    return sent


@contextmanager
def telling_ops() -> Iterator[None]:
    """When the block of a deployed run ends, however it ends, tell ops at once.

    That telling fails does not make the run fail; the watch tells it later.
    """
    try:
        yield
    finally:
        if is_deployed():
            try:
                tell(get_application())
            except Exception as error:  # noqa: BLE001 - the run's own end is what counts
                log.error("ops could not be told: %s", told(error))
