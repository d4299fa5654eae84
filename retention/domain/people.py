"""The people who work with retention: their roles, what each may do, and on whose accounts."""

from dataclasses import dataclass, field
from datetime import time
from enum import StrEnum
from typing import NoReturn

from retention.domain.errors import NotAllowedError, NotFoundError


class Role(StrEnum):
    """What a person may be."""

    VIEWER = "viewer"
    REVIEWER = "reviewer"
    APPROVER = "approver"
    ACCOUNT_MANAGER = "account_manager"
    FINANCE = "finance"
    DIRECTOR = "director"
    OPS = "ops"
    AUDITOR = "auditor"


class Permission(StrEnum):
    """What a role may allow."""

    SEE = "see"
    REVIEW = "review"
    APPROVE = "approve"
    HOLD = "hold"
    REASSIGN = "reassign"
    WAIVE = "waive"
    ANSWER = "answer"
    STOP = "stop"
    START = "start"
    RELEASE = "release"
    ACCEPT_DATA = "accept_data"
    ERASE = "erase"
    SETTLE = "settle"


_P = Permission
_ACCOUNT = frozenset({_P.SEE, _P.REVIEW, _P.APPROVE, _P.HOLD, _P.WAIVE, _P.ANSWER, _P.STOP})

# Nobody who runs the nights approves messages, and nobody who reads the audit changes anything.
MAY: dict[Role, frozenset[Permission]] = {
    Role.VIEWER: frozenset({_P.SEE}),
    Role.REVIEWER: frozenset({_P.SEE, _P.REVIEW, _P.HOLD, _P.STOP}),
    Role.APPROVER: frozenset({_P.SEE, _P.APPROVE, _P.HOLD, _P.STOP}),
    Role.ACCOUNT_MANAGER: _ACCOUNT,
    Role.FINANCE: frozenset(
        {_P.SEE, _P.APPROVE, _P.HOLD, _P.WAIVE, _P.ANSWER, _P.STOP, _P.ACCEPT_DATA}
    ),
    Role.DIRECTOR: _ACCOUNT
    | {_P.REASSIGN, _P.START, _P.RELEASE, _P.ACCEPT_DATA, _P.ERASE, _P.SETTLE},
    Role.OPS: frozenset(
        {
            _P.SEE,
            _P.HOLD,
            _P.REASSIGN,
            _P.STOP,
            _P.START,
            _P.RELEASE,
            _P.ACCEPT_DATA,
            _P.SETTLE,
            _P.ERASE,
        }
    ),
    Role.AUDITOR: frozenset({_P.SEE}),
}

ON_OWN_ACCOUNTS: frozenset[Role] = frozenset(
    {Role.VIEWER, Role.REVIEWER, Role.APPROVER, Role.ACCOUNT_MANAGER}
)
"""Roles that count for a person's own accounts only, unless the person has `accounts: all`."""


@dataclass(frozen=True, slots=True)
class Person:
    """A member of the team. `person_id` is what commands and records use.

    `call_hours` are when customers may choose to be called by them, if not in everybody's hours.
    """

    person_id: str
    name: str
    email: str
    phone: str
    roles: frozenset[Role]
    all_accounts: bool = False
    language: str = "en"
    call_hours: tuple[time, time] | None = None

    def may(self, permission: Permission, owner: str | None = None) -> bool:
        """Return whether a role of this person allows something on the account of `owner`."""
        return any(permission in MAY[role] for role in self.roles_for(owner))

    def roles_for(self, owner: str | None) -> frozenset[Role]:
        """Return the roles that count on the account of `owner`; None is no account at all.

        To be the account manager is to be this account's: all accounts or not, it is never lent.
        """
        if owner is None or owner == self.person_id:
            return self.roles
        if self.all_accounts:
            return self.roles - {Role.ACCOUNT_MANAGER}
        return self.roles - ON_OWN_ACCOUNTS


def require(
    person: Person, permission: Permission, *, subject: str, owner: str | None = None
) -> None:
    """Raise NotAllowedError unless the person may; it says who could."""
    if person.may(permission, owner):
        return
    able = sorted(role for role, allowed in MAY.items() if permission in allowed)
    what = permission.replace("_", " ")
    found = f"'{person.person_id}' may not {what}"
    if owner:
        found = f"'{person.person_id}' may not {what} on an account of {owner}"
    refuse(subject, found, f"Ask somebody who is {', '.join(able)}.")


MIN_REASON = 10
"""Characters; less says nothing to who reads it a year later."""


def require_reason(subject: str, reason: str) -> str:
    """Return a reason without the blanks around it. Raises NotAllowedError when it says nothing."""
    said = reason.strip()
    if len(said) < MIN_REASON:
        refuse(subject, "the reason says nothing", f"Write {MIN_REASON} characters or more.")
    return said


def refuse(subject: str, found: str, remedy: str) -> NoReturn:
    """Raise NotAllowedError."""
    raise NotAllowedError(subject, found, remedy)


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

    def still_has(
        self, person_id: str, on_behalf_of: str | None, role: Role, owner: str | None
    ) -> bool:
        """Return whether a decision's person is still here, and whose role it was still has it."""
        hat = self.people.get(on_behalf_of or person_id)
        return person_id in self.people and hat is not None and role in hat.roles_for(owner)

    def account_manager_of(self, named: str | None) -> Person:
        """Return the customer's account manager, or the team's default one."""
        return self.people.get(named or "", self.people[self.default_account_manager])

    def with_role(self, role: Role) -> list[Person]:
        """Return the people who have a role, by id."""
        return [p for _, p in sorted(self.people.items()) if role in p.roles]
