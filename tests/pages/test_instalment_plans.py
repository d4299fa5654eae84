"""A plan by instalments, agreed on a customer's page: kept, broken, and not known tonight."""

from datetime import date, timedelta

from retention.db.models.customer_pages import InstalmentPlan
from tests.factories.pages import Customer, PagesWorld, rows


def test_a_plan_that_is_kept_holds_the_ladder_and_one_that_is_not_ends(
    world: PagesWorld, customer: Customer
) -> None:
    for number in (0, 1):
        path = world.path("payment_help", "debt", number)
        asked = customer.choose(path, "plan")
        day = asked.text.split('name="first_on" value="')[1][:10]
        customer.fill(asked, f"{path}/confirm", parts="2", first_on=day, sure="yes")
    kept, broken = (plan.customer_id for plan in rows(world, InstalmentPlan))
    first = date.fromisoformat(day)
    while world.today < first + timedelta(days=9):
        for person in world.people:
            if person.customer_id == kept and world.today >= first:
                person.overdue = 100
        world.night(1)
    states = {plan.customer_id: plan.state for plan in rows(world, InstalmentPlan)}
    assert states == {kept: "running", broken: "broken"}
    for person in world.people:
        if person.customer_id == kept:
            person.overdue = 0
    world.night(1)
    assert {p.customer_id: p.state for p in rows(world, InstalmentPlan)}[kept] == "kept"


def test_data_that_is_missing_breaks_no_plan(world: PagesWorld, customer: Customer) -> None:
    path = world.path("payment_help", "debt")
    asked = customer.choose(path, "plan")
    day = asked.text.split('name="first_on" value="')[1][:10]
    customer.fill(asked, f"{path}/confirm", parts="2", first_on=day, sure="yes")
    [plan] = rows(world, InstalmentPlan)
    for person in world.people:
        if person.customer_id == plan.customer_id:
            person.present = False
    while world.today < date.fromisoformat(day) + timedelta(days=9):
        world.night(3)
    assert rows(world, InstalmentPlan)[0].state == "running"
