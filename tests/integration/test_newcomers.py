"""A night on which many more than usual would newly meet entry is in doubt as a whole."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from retention.db.models.work.cases import Case, Confirmation
from retention.db.session import reading, writing
from retention.domain.errors import NotFoundError
from retention.domain.people import Role
from retention.nights import gate_overrides as gates
from retention.reports.no_case import why_no_case
from retention.reports.sentences import about_no_case
from retention.reports.words import load_words
from retention.runs import trust
from retention.safeguards import kill_switch
from retention.snapshots import store as snapshots
from retention.snapshots.customers import read_rows
from tests.factories.worlds import Somebody, World


@pytest.fixture
def world() -> Iterator[World]:
    """A hundred customers; five cost money, and it is known since a few nights."""
    made = World()
    made.begin()
    made.people = [Somebody(f"C{n:03d}", profit=-1000 if n < 5 else 500) for n in range(100)]
    for _ in range(3):
        made.night(1)
    yield made
    made.teardown()


def turn_bad(world: World, count: int) -> None:
    for person in world.people[10 : 10 + count]:
        person.profit = -1000


def opened(world: World) -> int:
    with reading(world.shop.engine) as session:
        return session.scalar(select(func.count(Case.id))) or 0


def confirming(world: World) -> int:
    with reading(world.shop.engine) as session:
        wanted = Confirmation.condition == "entry", Confirmation.playbook == "restore"
        return session.scalar(select(func.count()).select_from(Confirmation).where(*wanted)) or 0


def doubt_of(world: World) -> dict[str, str]:
    with reading(world.shop.engine) as session:
        return gates.doubt_of(session)


def accept(world: World) -> None:
    team = world.shop.policies.team
    person = next(p for p in team.people.values() if Role.OPS in p.roles)
    trip = gates.trip_of(
        world.shop.policies, world.shop.folders, "entry", world.today, [], doubt_of(world)
    )
    with writing(world.shop.engine) as session:
        gates.accept(session, trip, person, "the price list was corrected", world.today, world.now)


def test_after_nights_on_which_nobody_met_anything_a_flood_is_doubted_too() -> None:
    """What nobody meets any more is forgotten: that makes no first night of the next one."""
    made = World()
    made.begin()
    try:
        made.people = [Somebody(f"C{n:03d}", profit=500) for n in range(100)]
        for _ in range(3):
            made.night(1)
        assert confirming(made) == 0
        turn_bad(made, 60)
        for _ in range(4):
            made.night(1)
            assert doubt_of(made)["restore"].startswith("60 customers newly meet")
        assert opened(made) == 0
    finally:
        made.teardown()


def test_too_many_newcomers_open_no_case_and_put_the_night_in_doubt(world: World) -> None:
    before = opened(world)
    turn_bad(world, 30)
    for _ in range(5):
        world.night(1)
        said = doubt_of(world)["restore"]
        assert said.startswith("30 customers newly meet its entry condition, at most 0 did")
    assert opened(world) == before
    assert confirming(world) <= 5, "what is in doubt confirms nothing"
    with reading(world.shop.engine) as session:
        day = world.today + timedelta(days=1)
        assert trust.why_in_doubt(session, "nightly", day, 7) == "night_in_doubt"


def test_data_that_was_mended_leaves_nothing_behind(world: World) -> None:
    before = opened(world)
    turn_bad(world, 30)
    world.night(1)
    for person in world.people[10:]:
        person.profit = 500
    world.night(1)
    assert doubt_of(world) == {}
    assert opened(world) == before


def test_a_few_newcomers_are_nothing_unusual(world: World) -> None:
    before = opened(world)
    turn_bad(world, 8)
    for _ in range(4):
        world.night(1)
        assert doubt_of(world) == {}
    assert opened(world) == before + 8


def test_a_person_who_looked_may_let_them_enter(world: World) -> None:
    before = opened(world)
    with pytest.raises(NotFoundError, match="did not find too many newcomers"):
        accept(world)
    turn_bad(world, 24)
    world.night(1)
    accept(world)
    for _ in range(4):
        world.night(1)
        assert doubt_of(world) == {}
    assert opened(world) == before + 24


def test_what_was_accepted_is_not_a_licence_for_more(world: World) -> None:
    turn_bad(world, 30)
    world.night(1)
    accept(world)
    turn_bad(world, 60)
    world.night(1)
    assert doubt_of(world)["restore"].startswith("60 customers")


def test_who_does_not_enter_is_told_what_keeps_everybody_out(world: World) -> None:
    turn_bad(world, 30)
    world.night(1)
    who = world.people[12].customer_id
    assert "the night is in doubt: 30 customers newly meet" in told(world, who)
    world.night(1, tripped=("tickets",))
    assert "while these tables are not to be trusted: tickets." in told(world, who)
    with writing(world.shop.engine) as session:
        person = world.shop.policies.team.get("diana")
        kill_switch.stop(session, "playbook:restore", person, "we change the prices", world.now)
    assert "it is stopped: we change the prices" in told(world, who)


def told(world: World, customer_id: str) -> str:
    with reading(world.shop.engine) as session:
        night = snapshots.dates(world.shop.folders.snapshots)[-1]
        row = read_rows(world.shop.folders.snapshots, night, [customer_id])[customer_id]
        found = why_no_case(session, world.shop.policies, row, night)
    words = load_words(world.shop.settings.templates_dir, "en")
    return "\n".join(about_no_case({"no_case": found}, words))
