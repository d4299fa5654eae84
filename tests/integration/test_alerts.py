"""What is wrong reaches a person: once, and once more when it is over. On SQLite and PostgreSQL."""

from datetime import date, datetime, timedelta
from email import message_from_bytes, policy
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import update

from retention.alerts import open_alerts
from retention.bootstrap import Application
from retention.clock import travel
from retention.db.models.runs import Run
from retention.db.models.work.messages import Message
from retention.db.session import reading, writing
from retention.delivery import circuit_breaker
from retention.domain.alerts import AlertRules, Trouble, TroubleKind
from retention.domain.errors import SourceError
from retention.domain.messages import MessageState
from retention.domain.runs import RunState
from retention.runs import dead_runs, rounds
from retention.runs.history import list_nights, summary_of
from tasks import watch
from tasks.nightly import FLOW, claim_run, recording_failure
from tests.conftest import NIGHT
from tests.factories.servers import ScriptedServer

MADRID = ZoneInfo("Europe/Madrid")
NEXT = NIGHT + timedelta(days=1)
MORNING = datetime(2026, 6, 2, 10, 30, tzinfo=MADRID)  # a Tuesday; the night of NEXT is expected


def fail_a_night(shop: Application, day: date, at: datetime) -> None:
    with travel(at):
        claim = claim_run.fn(day)
        with pytest.raises(SourceError), recording_failure(claim):
            raise SourceError("billing", "does not answer", "Ask its people.")


def told(server: ScriptedServer) -> list[str]:
    mails = [message_from_bytes(raw, policy=policy.default) for raw in server.accepted]
    assert all(mail["To"] == "olga.vidal@example.com" for mail in mails)
    return [
        f"{mail['Subject']}\n{mail.get_body(('plain',)).get_content()}"  # type: ignore[union-attr]
        for mail in mails
    ]


@pytest.fixture
def quiet(queued: Application) -> Application:
    """Nothing waits in the outbox, and last night is done."""
    with writing(queued.engine) as session:
        session.execute(update(Message).values(state=MessageState.CANCELLED))
        session.execute(update(Run).where(Run.business_date == NIGHT).values(business_date=NEXT))
    return queued


def test_a_failed_night_is_told_once_and_its_end_once(
    quiet: Application, server: ScriptedServer
) -> None:
    today = MORNING.date()
    fail_a_night(quiet, today, MORNING)
    for minute in range(3):
        with travel(MORNING + timedelta(minutes=minute)):
            watch.tell(quiet)
    (mail,) = told(server)
    assert "retention needs you: the night" in mail
    assert "billing: does not answer. Ask its people." in " ".join(mail.split())
    with travel(MORNING + timedelta(minutes=3)):
        claim_run.fn(today)  # it is run again, and dies
    for minute in (4, 40):
        with travel(MORNING + timedelta(minutes=minute)):
            watch.tell(quiet)
    assert len(told(server)) == 1, "nobody knows yet whether it goes well"
    with writing(quiet.engine) as session:
        session.execute(
            update(Run).where(Run.business_date == today).values(state=RunState.COMPLETED)
        )
    for minute in (50, 51):
        with travel(MORNING + timedelta(minutes=minute)):
            watch.tell(quiet)
    assert len(told(server)) == 2
    assert "all is well again" in told(server)[1]


@pytest.mark.gate
def test_a_late_night_is_told_after_its_hour_only(
    quiet: Application, server: ScriptedServer
) -> None:
    early = datetime(2026, 6, 3, 6, 59, tzinfo=MADRID)
    with travel(early):
        assert watch.tell(quiet) == 0
    with travel(early + timedelta(minutes=1)):
        assert watch.tell(quiet) == 1
    (mail,) = told(server)
    assert "The night is late. 2026-06-02" in " ".join(mail.split())


def test_what_could_not_be_told_is_told_later(quiet: Application, server: ScriptedServer) -> None:
    fail_a_night(quiet, MORNING.date(), MORNING)
    server.script = {"RCPT": "450 busy"}
    with travel(MORNING):
        assert watch.tell(quiet) == 0
    server.script = {}
    with travel(MORNING + timedelta(minutes=5)):
        assert watch.tell(quiet) == 1
        assert watch.tell(quiet) == 0


def test_a_day_brings_no_more_mails_than_its_cap(
    quiet: Application, server: ScriptedServer
) -> None:
    cap = AlertRules().mails_per_day
    for n in range(cap + 5):
        now = MORNING + timedelta(minutes=20 * n)
        with writing(quiet.engine) as session:
            round_id = rounds.begin(session, "inbox", now)
            rounds.end(session, round_id, now, why="it broke" if n % 2 == 0 else None)
        with travel(now):
            watch.tell(quiet)
    assert len(told(server)) == cap
    with travel(MORNING + timedelta(hours=25)):
        assert watch.tell(quiet) == 1, "what is still wrong is told when there is room again"


def test_stopped_means_stopped(quiet: Application, server: ScriptedServer) -> None:
    fail_a_night(quiet, MORNING.date(), MORNING)
    quiet.settings.state_dir.mkdir(exist_ok=True)
    quiet.settings.stop_file.touch()
    with travel(MORNING):
        assert watch.tell(quiet) == 0
    assert not server.accepted


def test_delivery_that_stops_or_falls_silent_is_told(
    queued: Application, server: ScriptedServer
) -> None:
    at = datetime(2026, 6, 1, 12, 0, tzinfo=MADRID)
    with writing(queued.engine) as session:
        session.execute(update(Message).values(not_before=at - timedelta(hours=3)))
    with travel(at):
        assert watch.tell(queued) == 1
    assert "Nothing is being delivered" in told(server)[0]
    with writing(queued.engine) as session:
        circuit_breaker.stop_mail(session, "535 bad credentials", at)
    with travel(at + timedelta(minutes=5)):
        assert watch.tell(queued) == 1
    assert "E-mail is stopped. mail: 535 bad credentials" in " ".join(told(server)[1].split())


def test_a_night_that_died_is_taken_up_once_and_then_given_up(quiet: Application) -> None:
    today, lease = MORNING.date(), quiet.lease
    with travel(MORNING):
        claim_run.fn(today)
    later = MORNING + lease + timedelta(seconds=1)
    with writing(quiet.engine) as session:
        assert dead_runs.take_up(session, FLOW, MORNING + timedelta(minutes=1)) == [], "it lives"
        (run,) = dead_runs.take_up(session, FLOW, later)
        assert run.business_date == today
    with writing(quiet.engine) as session:
        assert dead_runs.take_up(session, FLOW, later) == [], "once"
        assert dead_runs.give_up(session, FLOW, later) == [], "its worker may be on the way"
    with travel(later):
        claim_run.fn(today)
    with writing(quiet.engine) as session:
        again = later + lease + timedelta(seconds=1)
        (run,) = dead_runs.give_up(session, FLOW, again)
        assert run.state is RunState.FAILED
        assert run.summary is not None
        assert run.summary["why"] == "its process died twice"


def test_the_nights_are_listed_with_what_left_after_them(queued: Application) -> None:
    with writing(queued.engine) as session:
        now = datetime(2026, 6, 1, 10, 0, tzinfo=MADRID)
        round_id = rounds.begin(session, "deliver", now)
        rounds.end(session, round_id, now, summary={"states": {"sent": 3}, "waiting": {}})
    fail_a_night(queued, NEXT, MORNING)
    with reading(queued.engine) as session:
        nights = list_nights(session, FLOW, 10)
        summary = summary_of(session, FLOW, NIGHT)
    assert [night.as_of for night in nights][:2] == [NEXT, NIGHT]
    failed, done = nights[:2]
    assert (failed.state, failed.why) == ("failed", "billing: does not answer. Ask its people.")
    assert (done.read, done.rounds, done.sent) == (300, 1, 3)
    assert done.moved == sum(
        summary["decisions"]["decisions"].get(kind, 0) for kind in ("open", "advance", "close")
    )


def test_two_who_look_at_once_open_one_alert(quiet: Application) -> None:
    """On PostgreSQL the second waits for the first; on SQLite nobody else writes meanwhile."""
    trouble = Trouble(TroubleKind.ROUND_FAILED, "inbox", "it broke")
    with writing(quiet.engine) as session:
        open_alerts.bring_up_to_date(session, [trouble], MORNING)
        open_alerts._begin(session, trouble, MORNING)
    with reading(quiet.engine) as session:
        assert [alert.key for alert in open_alerts.list_open(session)] == ["inbox"]
