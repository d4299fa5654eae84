"""Views of the queue under names of their own, and whether the process is ready for anybody."""

from urllib.parse import parse_qs

import pytest
from sqlalchemy import select
from starlette.applications import Starlette
from starlette.testclient import TestClient

from retention.db import schema
from retention.db.models.console import SavedView
from retention.db.session import reading
from tests.factories.consoles import ConsoleWorld, signed_in, token_of


def views(world: ConsoleWorld) -> list[SavedView]:
    with reading(world.shop.engine) as session:
        return list(session.scalars(select(SavedView).order_by(SavedView.id)))


def save(client: TestClient, name: str, query: str, **more: str) -> int:
    asked = {"csrf": token_of(client), "name": name, "query": query} | more
    return client.post("/views", data=asked).status_code


def test_a_view_is_kept_without_whom_was_searched_for_and_shared_when_asked(
    world: ConsoleWorld, app: Starlette
) -> None:
    marta, james = signed_in(app, "marta"), signed_in(app, "james")
    assert save(marta, " My  notices ", "view=all&stage=terminate&q=Ana+Pe%C3%B1a") == 303
    [kept] = views(world)
    assert kept.name == "My notices"
    assert parse_qs(kept.query) == {"view": ["all"], "stage": ["terminate"]}
    assert "My notices" in marta.get("/queue").text
    assert "My notices" not in james.get("/queue").text
    assert save(marta, "My notices", "view=all&stage=migrate", shared="yes") == 303
    [again] = views(world)
    assert (again.query, again.shared) == ("view=all&stage=migrate", True)
    assert "My notices" in james.get("/queue").text


def test_a_view_is_removed_by_whose_it_is(world: ConsoleWorld, app: Starlette) -> None:
    marta, james = signed_in(app, "marta"), signed_in(app, "james")
    save(marta, "Calls", "view=calls", shared="yes")
    [kept] = views(world)
    path = f"/views/{kept.id}/remove"
    assert james.post(path, data={"csrf": token_of(james)}).status_code == 409
    assert views(world)
    assert marta.post(path, data={"csrf": token_of(marta)}).status_code == 303
    assert not views(world)


@pytest.mark.parametrize("name", ["", "   ", "n" * 61])
def test_a_view_needs_a_name_that_fits(world: ConsoleWorld, app: Starlette, name: str) -> None:
    assert save(signed_in(app, "marta"), name, "view=all") == 409
    assert not views(world)


def test_a_process_is_ready_when_its_database_answers_and_is_of_this_version(
    app: Starlette, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = TestClient(app)
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").text == "ready"
    monkeypatch.setattr(schema, "NEWEST", "9999")
    assert client.get("/readyz").status_code == 503
    assert client.get("/healthz").status_code == 200
