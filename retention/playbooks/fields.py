"""The fields of a playbook file that are written in words of their own."""

import re
from functools import lru_cache
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

from retention.domain.approving import Slot, parse_slot
from retention.domain.dates import Period
from retention.domain.people import Role

_PERIOD = re.compile(r"^(\d{1,4}) (days?|workdays?)$")
_MAX_QUORUM = 5


def _period(value: object) -> object:
    if isinstance(value, Period):
        return value
    match = _PERIOD.match(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"'{value}' is no period; write for example '14 days' or '5 workdays'")
    return Period(int(match.group(1)), match.group(2).startswith("workday"))


@lru_cache(maxsize=1024)
def _checked(text: str) -> str:
    from retention.playbooks.conditions import check_condition, probe  # a parser and a database

    canonical = check_condition(text)
    probe(canonical)
    return canonical


def _slots(value: object) -> object:
    """`auto`, a role, `director|finance`, a list of these, or `{quorum: 2, of: [...]}`."""
    if value == "auto":
        return ()
    if isinstance(value, str):
        return (_slot(value),)
    if isinstance(value, list | tuple):
        return tuple(_slot(part) for part in value)
    if isinstance(value, dict) and value.keys() == {"quorum", "of"}:
        return _quorum(value["quorum"], value["of"])
    raise ValueError(f"'{value}' is no approval; write auto, roles, or {{quorum: 2, of: [roles]}}")


def _quorum(count: object, roles: object) -> tuple[Slot, ...]:
    if not isinstance(count, int) or not 1 <= count <= _MAX_QUORUM:
        raise ValueError(f"a quorum is a number from 1 to {_MAX_QUORUM}, not '{count}'")
    listed = roles if isinstance(roles, list) else [roles]
    return (_slot("|".join(map(str, listed))),) * count


def _slot(text: object) -> Slot:
    if isinstance(text, frozenset):
        return text
    try:
        return parse_slot(str(text))
    except ValueError:
        known = ", ".join(Role)
        raise ValueError(f"'{text}' is no role; they are: {known}") from None


PeriodText = Annotated[Period, BeforeValidator(_period)]
ConditionText = Annotated[str, AfterValidator(_checked)]
Slots = Annotated[tuple[Slot, ...], BeforeValidator(_slots)]
