"""Transition tables: which state may follow which."""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from retention.domain.errors import MoveNotAllowedError

State = TypeVar("State", bound=StrEnum)


def before(moves: Mapping[State, frozenset[State]], target: State) -> list[State]:
    """Return the states that `target` may follow, for what changes many at once."""
    return sorted(state for state, after in moves.items() if target in after)


def require_move(
    moves: Mapping[State, frozenset[State]], current: State, target: State, *, subject: str
) -> None:
    """Raise MoveNotAllowedError unless `moves` lists `target` as a successor of `current`."""
    if target not in moves[current]:
        raise MoveNotAllowedError(subject, current, target)
