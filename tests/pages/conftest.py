"""Customers at their pages: a small world in which one message of each kind has left."""

from collections.abc import Iterator

import pytest

from tests.factories.pages import Customer, PagesWorld, living


@pytest.fixture
def world() -> Iterator[PagesWorld]:
    with living() as made:
        yield made


@pytest.fixture
def customer(world: PagesWorld) -> Iterator[Customer]:
    with world.pages() as browser:
        yield browser
