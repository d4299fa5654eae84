"""team.yaml: who counts as a person of their own."""

from typing import Any

import pytest
from pydantic import ValidationError

from retention.policies.team import TeamDoc


def person(id_: str, **changes: str) -> dict[str, Any]:
    known = {"id": id_, "name": id_.title(), "email": f"{id_}@example.com", "phone": "1"}
    return known | {"roles": ["director"]} | changes


def team(*people: dict[str, Any]) -> TeamDoc:
    return TeamDoc.model_validate({"default_account_manager": people[0]["id"], "people": people})


def test_a_team_of_different_people_is_read() -> None:
    assert set(team(person("ana"), person("ben")).to_team().people) == {"ana", "ben"}


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (person("ben", name=" ANA "), "ana and ben have the same name"),
        (person("ben", name="A na"), None),
        (person("ben", email="Ana@Example.com "), "ana and ben have the same address"),
        (person("ana"), "the same id"),
        (person("nightly"), "'nightly' is what records call"),
        (person("customer"), "'customer' is what records call"),
        (person("inbox"), "'inbox' is what records call"),
        (person("retention"), "'retention' is what records call"),
    ],
)
def test_who_is_one_person_twice_is_refused(second: dict[str, Any], message: str | None) -> None:
    if message is None:
        team(person("ana"), second)
        return
    with pytest.raises(ValidationError, match=message):
        team(person("ana"), second)
