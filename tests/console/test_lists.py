"""The lists of the queue: each holds the same in every order, and as much as its count says."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from retention.actions import queue_views
from retention.actions.queue_views import SORTS, Asked, Page
from retention.db.queries import actions as queries
from retention.db.queries.queue import Filters
from retention.db.session import reading, writing
from retention.domain.stages import Stage
from retention.people.actor import Actor
from retention.snapshots.directory import Directory, directory
from retention.web.console.queue import VIEWS
from tests.conftest import PostgresDatabases
from tests.factories.consoles import ConsoleWorld
from tests.factories.databases import moved

PEOPLE = ("marta", "james", "fran", "diana", "olga")
NOTICE = "termination_notice"


@pytest.fixture(params=["sqlite", "postgresql"])
def world(request: pytest.FixtureRequest) -> Iterator[ConsoleWorld]:
    """One notice sleeps, another one is due."""
    made = ConsoleWorld()
    made.live()
    if request.param == "postgresql":
        databases: PostgresDatabases = request.getfixturevalue("postgres")
        made.shop = moved(made.shop, databases.migrated("retention_lists"))
    with writing(made.shop.engine) as session:
        asleep = queries.get(session, made.waiting(NOTICE))
        asleep.snoozed_until = made.today + timedelta(days=5)
        asleep.due_on = made.today + timedelta(days=40)
        session.flush()
    with writing(made.shop.engine) as session:
        queries.get(session, made.waiting(NOTICE)).due_on = made.today
    yield made
    made.teardown()


class Desk:
    """Somebody's lists."""

    def __init__(self, world: ConsoleWorld, session: Session, who: str) -> None:
        team, zone = world.shop.policies.team, world.shop.settings.timezone
        actor = Actor(world.shop.policies, team.get(who), world.now, world.today, zone)
        self.session, self.scope = session, queue_views.scope_of(session, actor)
        self.people: Directory = directory(world.shop.folders.snapshots)

    def page(self, **asked: object) -> Page:
        """Return a page of one of them."""
        return queue_views.page(self.session, self.scope, self.people, Asked(**asked))  # type: ignore[arg-type]

    def profits(self, page: Page) -> list[float]:
        """Return the profits of whom it is about, in its order."""
        rows = self.people.rows([action.customer_id for action in page.actions])
        return [float(rows[action.customer_id]["net_profit_12m"]) for action in page.actions]


def test_every_view_holds_the_same_in_each_order_and_as_much_as_is_counted(
    world: ConsoleWorld,
) -> None:
    held: dict[str, set[str]] = {name: set() for name in VIEWS}
    for who in PEOPLE:
        with reading(world.shop.engine) as session:
            desk = Desk(world, session, who)
            counts = queue_views.counts(session, desk.scope, desk.people)
            assert set(counts) == set(VIEWS)
            for name in VIEWS:
                by_sort = {sort: desk.page(view=name, sort=sort) for sort in SORTS}
                found = {sort: set(page.ids) for sort, page in by_sort.items()}
                assert found["due"] == found["value"] == found["customer"], (who, name)
                assert {page.total for page in by_sort.values()} == {counts[name]}
                assert len(by_sort["due"].ids) == counts[name]
                held[name] |= found["due"]
    assert all(held[name] for name in ("mine", "due", "terminations", "calls", "snoozed", "all"))
    assert not held["snoozed"] & held["mine"]
    assert held["due"] < held["mine"]


def test_orders_are_what_they_say(world: ConsoleWorld) -> None:
    with reading(world.shop.engine) as session:
        desk = Desk(world, session, "diana")
        due, value = desk.page(view="all"), desk.page(view="all", sort="value")
        names = desk.page(view="all", sort="customer")
        assert desk.profits(value) == sorted(desk.profits(value))
        assert desk.profits(value) != desk.profits(due)
    days = [action.due_on for action in due.actions]
    assert days == sorted(days)
    customers = [action.customer_id for action in names.actions]
    assert customers == sorted(customers), "their names are made of their ids"


def test_a_list_is_narrowed_in_every_order(world: ConsoleWorld) -> None:
    theirs = ("C00", "C01", "C19")
    with reading(world.shop.engine) as session:
        desk = Desk(world, session, "diana")
        for sort in SORTS:
            notices = desk.page(view="all", filters=Filters(stage=Stage.TERMINATE), sort=sort)
            assert {action.stage for action in notices.actions} == {Stage.TERMINATE}
            some = desk.page(view="all", filters=Filters(customers=theirs), sort=sort)
            assert {action.customer_id for action in some.actions} == set(theirs)
            assert some.total == len(some.ids)


def test_who_is_in_no_snapshot_any_more_comes_last_and_not_away(world: ConsoleWorld) -> None:
    with reading(world.shop.engine) as session:
        desk = Desk(world, session, "diana")
        whole = desk.page(view="all", sort="value")
        first = whole.actions[0].customer_id
        known = dict(desk.people.places)
        del known[first]
        desk.people = Directory(desk.people.as_of, desk.people.table, known)
        desk.people.__dict__["by_profit"] = [c for c in desk.people.by_profit if c != first]
        without = desk.page(view="all", sort="value")
    assert set(without.ids) == set(whole.ids)
    assert without.actions[-1].customer_id == first
