"""The same pages over PostgreSQL, where several really work at once."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from retention.audit.verify import verify
from retention.clock import travel
from retention.db.models.customer_pages import InstalmentPlan, Submission
from retention.db.models.exemptions import Exclusion
from retention.db.models.incoming import Incoming
from retention.db.models.work.actions import AgreedCall
from retention.db.session import reading, writing
from retention.events import api_keys
from tests.conftest import PostgresDatabases
from tests.factories.databases import moved
from tests.factories.pages import Customer, PagesWorld, form_of, rows
from tests.pages.test_systems import tell

PROPOSAL, NOTICE, BILLS, GUIDE = (
    "renegotiation_proposal", "termination_notice", "payment_help", "education",
)  # fmt: skip


@pytest.fixture
def world(postgres: PostgresDatabases) -> Iterator[PagesWorld]:
    """The small world, moved to PostgreSQL."""
    made = PagesWorld()
    made.live()
    made.shop = moved(made.shop, postgres.migrated("retention_pages"))
    yield made
    made.teardown()


def together(customer: Customer, *posts: tuple[str, dict[str, str]]) -> list[Any]:
    """Send forms at one moment."""
    customer.world.at += timedelta(seconds=20)
    with travel(customer.world.at), ThreadPoolExecutor(len(posts)) as pool:
        return list(pool.map(lambda post: customer.client.post(post[0], data=post[1]), posts))


def test_two_protections_of_one_customer_at_once_are_both_kept(
    world: PagesWorld, customer: Customer
) -> None:
    path = world.path(NOTICE, "notice")
    forms = [form_of(customer.choose(path, said).text) for said in ("contest", "hardship")]
    posts = [
        (f"{path}/confirm", form | {"words": f"words {n}", "sure": "yes"})
        for n, form in enumerate(forms)
    ]
    answers = together(customer, *posts)
    assert [a.status_code for a in answers] == [303, 303]
    assert sorted(str(h.reason) for h in rows(world, Exclusion)) == ["contested", "hardship"]
    assert len(rows(world, Incoming)) == 2
    with reading(world.shop.engine) as session:
        assert not verify(session, []).findings


def test_one_time_is_given_once(world: PagesWorld, customer: Customer) -> None:
    paths = [world.path(GUIDE, "call", number) for number in (0, 1)]
    pages = [customer.get(path) for path in paths]
    at = pages[0].text.split('name="at" value="')[1][:25]
    posts = [(f"{path}/times", form_of(page.text) | {"at": at, "phone": "600 1"})
             for path, page in zip(paths, pages, strict=True)]  # fmt: skip
    answers = together(customer, *posts)
    assert sorted(a.status_code for a in answers) == [303, 409]
    assert len(rows(world, AgreedCall)) == 1


def test_of_two_plans_at_once_one_is_made(world: PagesWorld, customer: Customer) -> None:
    path = world.path(BILLS, "debt")
    asked = customer.choose(path, "plan")
    day = asked.text.split('name="first_on" value="')[1][:10]
    form = form_of(asked.text) | {"first_on": day, "sure": "yes"}
    posts = [(f"{path}/confirm", form | {"parts": parts}) for parts in ("2", "3")]
    together(customer, *posts)
    assert len(rows(world, InstalmentPlan)) == 1
    assert len(rows(world, Exclusion)) == 1


def test_one_event_twice_at_once_is_one(world: PagesWorld, customer: Customer) -> None:
    with writing(world.shop.engine) as session:
        key = api_keys.make(session, "billing", world.at)
    event = {"type": "paid", "amount": "1.00", "currency": "EUR"}
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: tell(customer, key, **event), range(4)))
    assert {a.status_code for a in answers} == {200}
    assert sorted(a.json()["known"] for a in answers) == [False, True, True, True]
    assert len(rows(world, Exclusion)) == 1


def test_an_offer_is_answered_there_too(world: PagesWorld, customer: Customer) -> None:
    path = world.path(PROPOSAL, "offer")
    assert "Ha aceptado" in customer.say(path, "accept", name="Ana", sure="yes").text
    assert len(rows(world, Submission)) == 1
