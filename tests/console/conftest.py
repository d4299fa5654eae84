"""A console over a small world, made once in a process and copied for each test."""

from collections.abc import Iterator

import pytest
from starlette.applications import Starlette

from tests.factories.consoles import ConsoleWorld, console_of


@pytest.fixture
def world() -> Iterator[ConsoleWorld]:
    made = ConsoleWorld()
    made.live()
    yield made
    made.teardown()


@pytest.fixture
def app(world: ConsoleWorld) -> Iterator[Starlette]:
    with console_of(world) as made:
        yield made
