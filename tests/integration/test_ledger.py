"""The run ledger, plans, and what is measured: nights that come late, twice, or by the clock."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select

from retention.bootstrap import Application
from retention.clock import business_date, travel
from retention.db.models.exemptions import Holdout
from retention.db.models.runs import Run
from retention.db.models.switches import Switch
from retention.db.models.work.actions import Action
from retention.db.models.work.cases import Case
from retention.db.session import reading, writing
from retention.domain.errors import PlanStaleError, RunLockedError, RunRefusedError
from retention.domain.holdouts import Arm
from retention.domain.runs import RunState
from retention.domain.stages import PlaybookName
from retention.domain.summaries import PullSummary, ScoreSummary
from retention.nights.plan import make_plan
from retention.reports.programme_effect import measure_programme
from retention.reports.spillover import measure_others, stop_above_limit
from retention.runs import ledger as runs
from tasks import nightly
from tasks.nightly import claim_run, release_decisions, renew_lease
from tests.conftest import NIGHT
from tests.factories.commands import answer, retention
from tests.factories.nights import morning_after, print_of, run_night
from tests.factories.worlds import Somebody, World

pytestmark = pytest.mark.usefixtures("prefect_server")

MADRID = "Europe/Madrid"


def claim_on(shop: Application, as_of: date, now: datetime, late: str = "refuse") -> Any:
    with travel(now):
        return claim_run.fn(as_of, late=late)


def state_of(shop: Application, as_of: date) -> RunState | None:
    with reading(shop.engine) as session:
        return session.scalar(select(Run.state).where(Run.business_date == as_of))


def test_a_night_that_is_too_late_is_skipped_and_says_so(shop: Application) -> None:
    in_time = morning_after(NIGHT + timedelta(days=1))
    too_late = morning_after(NIGHT + timedelta(days=2))
    with pytest.raises(RunRefusedError, match="is too late on 2026-06-03; it is skipped"):
        claim_on(shop, NIGHT, too_late)
    assert state_of(shop, NIGHT) is RunState.SKIPPED_LATE
    assert claim_on(shop, NIGHT, in_time).fence == 2
    assert state_of(shop, NIGHT) is RunState.RUNNING


def test_a_pile_of_late_runs_runs_once(shop: Application) -> None:
    """A worker that was down for a week: seven late runs ask for yesterday, one of them runs."""
    now = morning_after(NIGHT)
    with travel(now):
        asked = {business_date(MADRID) for _ in range(7)}
    assert asked == {NIGHT}
    run_night(NIGHT)
    before = print_of(shop)
    for _ in range(6):
        run_night(NIGHT)
    assert print_of(shop) == before


def test_a_night_that_was_overtaken_while_it_worked_decides_nothing(shop: Application) -> None:
    """Two workers: the night before hangs, today's is run, then the older one wakes up."""
    older = NIGHT - timedelta(days=1)
    claim = claim_on(shop, older, morning_after(older))
    run_night(NIGHT)
    before = print_of(shop)
    pulled = PullSummary(older, {}, {}, 0, 0)
    with travel(morning_after(NIGHT)), pytest.raises(RunRefusedError, match="is older than the"):
        release_decisions.fn(claim, pulled, ScoreSummary(0, {}, {}, {}, (), None, None))
    assert print_of(shop) == before
    assert state_of(shop, older) is RunState.RUNNING, "who ran it writes down that it failed"


@pytest.mark.gate
@pytest.mark.nights(3)
def test_a_back_filled_night_is_scored_and_decides_nothing(shop: Application) -> None:
    before = actions_and_cases(shop)
    past = NIGHT - timedelta(days=40)
    with travel(morning_after(NIGHT)):
        claim = claim_run.fn(past, late="backfill")
        assert claim.backfill
        pulled = nightly.pull_sources.fn(past)
        for shard in range(pulled.shards):
            nightly.measure_shard.fn(past, shard)
        nightly.compare_customers.fn(past)
        for shard in range(pulled.shards):
            nightly.score_shard.fn(past, shard)
        nightly.release_decisions.fn(claim, pulled, nightly.finish_scores.fn(past))
    assert state_of(shop, past) is RunState.BACKFILLED
    assert actions_and_cases(shop) == before
    assert (shop.folders.snapshots / f"as_of={past}" / "manifest.json").exists()


def actions_and_cases(shop: Application) -> tuple[int, int]:
    with reading(shop.engine) as session:
        return (session.scalar(select(func.count(Action.id))) or 0,
                session.scalar(select(func.count(Case.id))) or 0)  # fmt: skip


def test_a_lease_is_renewed_while_its_process_lives(shop: Application) -> None:
    started = morning_after(NIGHT)
    claim = claim_on(shop, NIGHT, started)
    almost = started + shop.lease - timedelta(minutes=1)
    with travel(almost):
        renew_lease(claim)
    with pytest.raises(RunLockedError):
        claim_on(shop, NIGHT, almost + shop.lease / 2)
    taken = claim_on(shop, NIGHT, almost + shop.lease + timedelta(minutes=1))
    assert taken.fence == claim.fence + 1
    with pytest.raises(RunLockedError), writing(shop.engine) as session:
        runs.renew(session, claim, almost, shop.lease)


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        ("2026-03-29T02:30:00+00:00", "2026-03-28"),
        ("2026-03-28T22:30:00+00:00", "2026-03-27"),
        ("2026-03-28T23:30:00+00:00", "2026-03-28"),
        ("2026-10-24T22:30:00+00:00", "2026-10-24"),
        ("2026-10-25T00:30:00+00:00", "2026-10-24"),
        ("2026-10-25T01:30:00+00:00", "2026-10-24"),
        ("2028-02-29T12:00:00+00:00", "2028-02-28"),
        ("2028-03-01T12:00:00+00:00", "2028-02-29"),
        ("2026-12-31T23:30:00+00:00", "2026-12-31"),
        ("2026-12-31T22:30:00+00:00", "2026-12-30"),
    ],
)
def test_the_business_date_is_yesterday_in_the_companys_zone(moment: str, day: str) -> None:
    with travel(datetime.fromisoformat(moment)):
        assert business_date(MADRID) == date.fromisoformat(day)


@pytest.mark.gate
@pytest.mark.parametrize(
    "around", [date(2026, 3, 29), date(2026, 10, 25), date(2028, 2, 29), date(2026, 12, 31)]
)
def test_nights_go_on_across_clock_changes_leap_days_and_years(around: date) -> None:
    world = World()
    world.begin()
    world.today = around - timedelta(days=5)
    for _ in range(8):
        world.night(1)
        world.everybody_does_their_work()
        world.post("sent")
    with reading(world.shop.engine) as session:
        dates = session.scalars(select(Run.business_date).order_by(Run.business_date)).all()
        assert len(dates) == 8
        assert around in dates
        assert session.scalar(select(func.count(Action.id)))
    world.teardown()


# Plans


def planned(shop: Application) -> dict[str, Any]:
    with travel(morning_after(NIGHT)):
        return make_plan(shop.engine, shop.policies, shop.folders, shop.sender, NIGHT)


def apply(shop: Application, digest: str) -> dict[str, Any]:
    return run_night(NIGHT, plan=digest)


@pytest.mark.gate
@pytest.mark.nights(2, back=1)
def test_a_plan_is_applied_exactly_and_says_who_waits_for_whom(shop: Application) -> None:
    plan = planned(shop)
    assert planned(shop)["digest"] == plan["digest"]
    assert sum(row["count"] for row in plan["waits_for"]) > 30
    assert {row["waits_for"] for row in plan["waits_for"]} == {"log a review", "log a call"}
    night = apply(shop, plan["digest"])
    assert night["decisions"] == plan["summary"]["decisions"]


@pytest.mark.gate
@pytest.mark.nights(2, back=1)
def test_a_stale_plan_is_refused_and_nothing_is_stored(shop: Application) -> None:
    plan = planned(shop)
    with writing(shop.engine) as session:
        for n in range(300):
            key = (f"C{n:07d}", PlaybookName.RESTORE)
            session.add(Holdout(customer_id=key[0], playbook=key[1], group_key=key[0],
                                arm=Arm.HOLDOUT, assigned_on=NIGHT))  # fmt: skip
    before = actions_and_cases(shop)
    with pytest.raises(PlanStaleError, match="would do something else by now"):
        apply(shop, plan["digest"])
    assert actions_and_cases(shop) == before
    assert state_of(shop, NIGHT) is RunState.FAILED


@pytest.mark.gate
def test_plan_and_apply_on_the_command_line(config_dir: Path, tmp_path: Path) -> None:
    env = {"RETENTION_CONFIG_DIR": str(config_dir), "RETENTION_STATE_DIR": str(tmp_path / "state")}
    day = ("--as-of", "2026-05-31")

    def run(*arguments: str) -> Any:
        return retention(*arguments, cwd=tmp_path, env=env)

    made = run("plan", *day, "--out", "plan.json", "--detailed-exitcode")
    assert made.returncode == 2, made.stderr
    assert "This is a plan: nothing was stored." in made.stdout
    kept = json.loads((tmp_path / "plan.json").read_text("utf-8"))
    assert len(kept["plan"]["digest"]) == 64
    guards = config_dir / "guards.yaml"
    good = guards.read_text("utf-8")
    guards.write_text(good + "\n# somebody has edited it since\n", "utf-8")
    stale = run("apply", "plan.json")
    assert stale.returncode == 5
    assert "Make a new plan" in stale.stderr
    guards.write_text(good, "utf-8")
    assert run("apply", "plan.json").returncode == 0
    assert run("plan", *day, "--detailed-exitcode").returncode == 0
    (tmp_path / "broken.json").write_text("{}", "utf-8")
    assert run("apply", "broken.json").returncode == 1
    late = run("run", "--as-of", "2026-05-30")
    assert late.returncode == 4
    filled = run("run", "--as-of", "2026-05-01", "--backfill", "--json")
    assert answer(filled)["night"]["decisions"]["decisions"] == {}
    again = run("replay", *day)
    assert "decisions: every one is the same" in again.stdout


# Measuring


@pytest.fixture
def measured() -> Any:
    """Forty customers, half of them left untreated; the treated get better, the tied ones leave."""
    world = World()
    world.begin()
    world.people = [Somebody(f"C{n:02d}") for n in range(40)]
    friends = [Somebody(f"F{n:02d}", profit=500) for n in range(40)]
    strangers = [Somebody(f"S{n:02d}", profit=500) for n in range(40)]
    world.people += friends + strangers
    world.ties = [(f"C{n:02d}", f"F{n:02d}") for n in range(40)]
    world.night(1)
    with writing(world.shop.engine) as session:
        for n in range(40):
            arm = Arm.TREATED if n % 2 else Arm.HOLDOUT
            name = f"C{n:02d}"
            session.add(Holdout(customer_id=name, playbook=PlaybookName.RESTORE, group_key=name,
                                arm=arm, assigned_on=world.today))  # fmt: skip
    world.night(1)
    world.night(1)
    yield world
    world.teardown()


def test_the_effect_is_the_difference_to_the_untreated(measured: World) -> None:
    for n, person in enumerate(measured.people[:40]):
        person.profit += 300 + n + (400 if n % 2 else 0)
    measured.night(30)
    with reading(measured.shop.engine) as session:
        found = measure_programme(session, measured.shop.folders.snapshots, measured.today)
    restore = found["playbooks"]["restore"]
    assert (restore["treated"], restore["held_out"]) == (20, 20)
    effect = restore["effect"]["profit"]
    assert effect["change"] > 700
    assert effect["difference"]["value"] == pytest.approx(401, abs=2)
    assert effect["difference"]["low"] > 390
    assert restore["stages"][0]["stage"] == "reassess"
    retain = found["playbooks"]["retain"]["effect"]["profit"]["difference"]
    assert retain == {"value": None, "low": None, "high": None}


def test_an_improvement_that_everybody_has_is_no_effect(measured: World) -> None:
    """Bad years are followed by better ones, treated or not."""
    for n, person in enumerate(measured.people[:40]):
        person.profit += 300 + (n // 2) % 7
    measured.night(30)
    with reading(measured.shop.engine) as session:
        found = measure_programme(session, measured.shop.folders.snapshots, measured.today)
    effect = found["playbooks"]["restore"]["effect"]["profit"]
    assert effect["change"] > 299
    assert effect["difference"]["low"] <= 0 <= effect["difference"]["high"]


@pytest.mark.parametrize(("leave", "stops"), [(0, False), (16, True)])
def test_the_ladder_stops_when_tied_leave(measured: World, leave: int, *, stops: bool) -> None:
    treated_friends = [p for n, p in enumerate(measured.people[40:80]) if n % 2]
    for person in treated_friends[:leave]:
        person.left_on = measured.today
    measured.night(5)
    with writing(measured.shop.engine) as session:
        root = measured.shop.folders.snapshots
        found = measure_others(session, root, measured.today)
        assert found is not None
        assert found["spillover"]["tied_left"] == leave
        assert found["exits"] == {"planned": 0, "unplanned": leave, "lost": leave, "migrated": 0}
        assert found["good_kept"]["customers"] == 80
        assert stop_above_limit(session, found, 0.05, measured.now) is stops
        assert not stop_above_limit(session, found, 0.05, measured.now)
    with reading(measured.shop.engine) as session:
        switch = session.get(Switch, "playbook:restore")
        assert (switch is not None and switch.stopped) is stops
    measured.night(5)
    with reading(measured.shop.engine) as session:
        waits = set(session.scalars(select(Case.waiting_for).where(Case.playbook == "restore")))
    assert (waits == {"playbook_stopped"}) is stops


@pytest.mark.nights(1)
def test_utc_moments_are_what_the_ledger_keeps(shop: Application) -> None:
    with reading(shop.engine) as session:
        run = session.scalars(select(Run)).one()
    assert run.started_at == morning_after(NIGHT).astimezone(UTC)
    assert run.started_at.astimezone(ZoneInfo(MADRID)).hour == 9
