"""team.yaml: people, their roles, and who stands in by default."""

from datetime import time
from typing import Self

from pydantic import Field, model_validator

from retention.domain.people import Person, Role, Team
from retention.policies.patterns import ID
from retention.yaml_files import PolicyModel

RESERVED = frozenset({"retention", "nightly", "inbox", "customer"})
"""Who acts in records when no person does."""


class PersonDoc(PolicyModel):
    """One member of the team. `accounts: all` makes account roles count for every account."""

    id: str = Field(pattern=ID)
    name: str = Field(min_length=1)
    email: str
    phone: str
    roles: tuple[Role, ...] = Field(min_length=1)
    accounts: str = Field("own", pattern="^(own|all)$")
    language: str = Field("en", pattern="^[a-z]{2}$")
    call_hours: tuple[time, time] | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.call_hours is not None and self.call_hours[0] >= self.call_hours[1]:
            raise ValueError("'call_hours' end before they begin")
        return self


class TeamDoc(PolicyModel):
    """`team.yaml`."""

    default_account_manager: str
    people: tuple[PersonDoc, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _manager_exists(self) -> Self:
        ids = [person.id for person in self.people]
        if len(set(ids)) < len(ids):
            raise ValueError("two people have the same id")
        for what, values in (
            ("name", [" ".join(person.name.split()).casefold() for person in self.people]),
            ("address", [person.email.strip().casefold() for person in self.people]),
        ):
            twice = next((value for value in values if values.count(value) > 1), None)
            if twice is not None:
                same = [i for i, value in zip(ids, values, strict=True) if value == twice]
                raise ValueError(f"{' and '.join(same)} have the same {what}; who are they?")
        for reserved in RESERVED & set(ids):
            raise ValueError(f"'{reserved}' is what records call the program or a customer")
        if self.default_account_manager not in ids:
            raise ValueError(f"'{self.default_account_manager}' is not among the people")
        return self

    def to_team(self) -> Team:
        """Return the team as the rules see it."""
        people = {
            p.id: Person(p.id, p.name, p.email, p.phone, frozenset(p.roles), p.accounts == "all",
                         p.language, p.call_hours)
            for p in self.people
        }  # fmt: skip
        return Team(people, self.default_account_manager)
