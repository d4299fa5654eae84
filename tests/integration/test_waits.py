"""Nobody waits for nothing: a case that goes no further comes before a person, with the reason."""

from collections.abc import Iterator
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from retention.actions.background import background_of
from retention.db.models.work.actions import Action
from retention.db.models.work.cases import Case
from retention.db.session import reading, writing
from retention.domain.actions import ActionState, Purpose
from retention.domain.cases import CaseState
from retention.domain.people import Role
from retention.domain.waits import STUCK, is_in_vain, waiting_since
from tests.factories.worlds import Somebody, World

PATIENCE = timedelta(days=20)  # what the small company's playbook says


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    made.begin()
    made.people = [Somebody("C0")]
    yield made
    made.teardown()


def asked(world: World) -> list[Action]:
    with reading(world.shop.engine) as session:
        found = session.scalars(
            select(Action).where(Action.form == STUCK).order_by(Action.proposed_on, Action.id)
        )
        return list(found)


def live(world: World, days: int, **changes: Any) -> None:
    for name, value in changes.items():
        setattr(world.people[0], name, value)
    for _ in range(days // 5):
        world.night(5)
        world.everybody_does_their_work()
        world.post("sent")


def reach_educate(world: World) -> None:
    for _ in range(3):
        world.night(1)
    world.everybody_does_their_work()
    world.night(1)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"email": None}, "no_usable_address"),
        ({"contacts_change": -0.9}, "improving_or_unknown"),
        ({"disputed": 90}, "blocked:disputed_invoice"),
    ],
)
def test_a_case_that_goes_no_further_comes_before_its_owner(
    world: World, change: dict[str, Any], reason: str
) -> None:
    reach_educate(world)
    begun = world.today
    live(world, 15, **change)
    assert asked(world) == []
    for _ in range(20):
        live(world, 5, **change)
        world.night(5)
        found = asked(world)
        if any(action.state is ActionState.PENDING_APPROVAL for action in found):
            break
    assert len(found) == 1
    assert found[0].proposed_on >= begun + PATIENCE
    with reading(world.shop.engine) as session:
        action = session.scalars(
            select(Action).where(Action.id == found[0].id).options(joinedload(Action.case))
        ).one()
        assert action.purpose is Purpose.STUCK
        assert action.owner == "marta"
        assert action.case.waiting_for == reason
        assert background_of(session, action) == [
            f"This case goes no further: it waits for '{reason}'."
        ]


def test_a_case_that_ends_asks_nobody_any_more(world: World) -> None:
    reach_educate(world)
    world.people[0].disputed = 90
    for _ in range(20):
        world.night(5)
        if asked(world):
            break
        world.everybody_does_their_work()
        world.post("sent")
    world.people[0].left_on = world.today
    world.night(1)
    assert [action.state for action in asked(world)] == [ActionState.CANCELLED]


def test_who_was_asked_is_asked_again_only_after_as_long(world: World) -> None:
    reach_educate(world)
    live(world, 120, disputed=90)
    found = asked(world)
    assert len(found) >= 3
    gaps = [b.proposed_on - a.proposed_on for a, b in pairwise(found)]
    assert min(gaps) >= PATIENCE


def test_what_was_our_fault_and_comes_back_goes_to_who_can_mend_it(world: World) -> None:
    for _ in range(2):
        for _ in range(30):
            world.night(5)
            with reading(world.shop.engine) as session:
                review = session.scalars(
                    select(Action.id).where(
                        Action.form == "reassessment", Action.state == ActionState.PENDING_APPROVAL
                    )
                ).first()
            if review is not None:
                break
        assert review is not None
        with writing(world.shop.engine) as session:
            world._complete(
                session, review, "diana" if asked_director(world) else "marta", "own_fault"
            )
        world.night(1)
    with reading(world.shop.engine) as session:
        states = session.scalars(select(Case.state)).all()
        assert states == [CaseState.CLEARED, CaseState.CLEARED]
    for _ in range(30):
        world.night(5)
    with reading(world.shop.engine) as session:
        newest = session.scalars(
            select(Action).where(Action.form == "reassessment").order_by(Action.proposed_on.desc())
        ).first()
        assert newest is not None
        owner = world.shop.policies.team.get(newest.owner)
        assert Role.DIRECTOR in owner.roles
        said = background_of(session, newest)[0]
        assert said.startswith(
            "This customer is here for the third time: cleared for our own fault"
        )


def asked_director(world: World) -> bool:
    with reading(world.shop.engine) as session:
        newest = session.scalars(
            select(Action).where(Action.form == "reassessment").order_by(Action.proposed_on.desc())
        ).first()
    return newest is not None and newest.owner == "diana"


def test_since_when_is_counted_from_the_last_other_reason() -> None:
    days = [date(2026, 1, n) for n in range(1, 7)]
    told = list(zip(days, ["a", "b", "a", "c", "a", "a"], strict=True))
    assert waiting_since([*told, (days[5], "advanced")], "a") == days[4]
    assert waiting_since(told, "a") == days[4]
    assert waiting_since(told, "b") is None
    assert waiting_since([], "a") is None


@pytest.mark.parametrize(
    ("reason", "vain"),
    [("observing", False), ("notice_running", False), ("on_hold:x", False), ("step_done", False),
     ("blocked:vulnerable", True), ("message_failed", True), ("no_usable_address", True)],
)  # fmt: skip
def test_which_waits_end_by_themselves(reason: str, *, vain: bool) -> None:
    assert is_in_vain(reason) is vain
