"""Transition tables: which state may follow which."""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from retention.domain.errors import MoveNotAllowedError

State = TypeVar("State", bound=StrEnum)


def require_move(
    moves: Mapping[State, frozenset[State]], current: State, target: State, *, subject: str
) -> None:
    """Raise MoveNotAllowedError unless `moves` lists `target` as a successor of `current`."""
    if target not in moves[current]:
        raise MoveNotAllowedError(subject, current, target)
