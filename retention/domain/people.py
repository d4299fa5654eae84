"""The people who work with retention, and what their approval is worth."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NoReturn

from retention.domain.errors import NotAllowedError, NotFoundError
from retention.domain.stages import ADVERSE_STAGES, Stage


class Role(StrEnum):
    """What a person may be."""

    ACCOUNT_MANAGER = "account_manager"
    FINANCE = "finance"
    DIRECTOR = "director"
    OPS = "ops"


MINIMUM_APPROVERS_ADVERSE = 2


@dataclass(frozen=True, slots=True)
class Person:
    """A member of the team. `person_id` is what commands and records use."""

    person_id: str
    name: str
    email: str
    phone: str
    roles: frozenset[Role]


@dataclass(frozen=True, slots=True)
class Team:
    """Everybody who may decide, and who looks after customers without an account manager."""

    people: dict[str, Person] = field(default_factory=dict)
    default_account_manager: str = ""

    def get(self, person_id: str) -> Person:
        """Return the person. Raises NotFoundError with the known ids."""
        if person_id not in self.people:
            known = ", ".join(sorted(self.people)) or "nobody"
            raise NotFoundError(
                f"person '{person_id}'",
                "is not in config/team.yaml",
                f"Known people: {known}.",
            )
        return self.people[person_id]

    def account_manager_of(self, named: str | None) -> Person:
        """Return the customer's account manager, or the team's default one."""
        return self.people.get(named or "", self.people[self.default_account_manager])


@dataclass(frozen=True, slots=True)
class Given:
    """One approval that was already given: by whom, in which role."""

    person_id: str
    role: Role


def approvers_needed(stage: Stage, roles: Sequence[Role]) -> int:
    """How many different people must approve a step of `stage` that asks for `roles`."""
    return max(len(roles), MINIMUM_APPROVERS_ADVERSE if stage in ADVERSE_STAGES else 0)


def role_for_approval(
    person: Person, required: Sequence[Role], given: Iterable[Given], *, proposer: str, subject: str
) -> Role:
    """Return the required role that `person` fills now.

    Raises NotAllowedError when the person proposed it, has approved already, or holds none of the
    roles that are still open. One person never fills two roles.
    """
    given = tuple(given)
    open_roles = list(required)
    for approval in given:
        if approval.role in open_roles:
            open_roles.remove(approval.role)
    if person.person_id == proposer:
        _refuse(subject, f"'{person.person_id}' proposed it", "Ask somebody else to approve it.")
    if any(approval.person_id == person.person_id for approval in given):
        _refuse(subject, f"'{person.person_id}' has already approved it", "A second person must.")
    for role in open_roles:
        if role in person.roles:
            return role
    waiting = ", ".join(open_roles) or "nobody"
    return _refuse(subject, f"'{person.person_id}' cannot approve it", f"It waits for: {waiting}.")


def _refuse(subject: str, found: str, remedy: str) -> NoReturn:
    raise NotAllowedError(subject, found, remedy)
