"""The programme's pages: what the night held back, and where the cases stand."""

import csv
import io
import re

from starlette.applications import Starlette
from starlette.testclient import TestClient

from retention.db.session import reading, writing
from retention.domain.limits import BatchState, OverCap
from retention.ladder import held_batches
from tests.factories.consoles import ConsoleWorld, signed_in, token_of


def counted(client: TestClient) -> int:
    """Return the number beside 'Held back tonight'."""
    found = re.search(r'href="/tonight#held">[^<]*<b>([\d.,]+)</b>', client.get("/queue").text)
    assert found
    return int(found[1])


def test_what_is_held_back_is_counted_and_gone_once_somebody_has_decided(
    world: ConsoleWorld, app: Starlette
) -> None:
    diana = signed_in(app, "diana")
    before = counted(diana)
    with writing(world.shop.engine) as session:
        for batch in held_batches.list_open(session):
            before -= batch.wanted if batch.state is BatchState.HELD else 0
        held = held_batches.hold(
            session, OverCap("educate", 3, 2), ["C00", "C01", "C02"], world.today, world.now
        )
    assert before == 0, "what was counted is what waits"
    page = diana.get("/tonight").text
    assert "Educate: 3 wanted, 2 are allowed in one night" in page
    assert all(f'href="/customers/{one}"' in page for one in ("C00", "C01", "C02"))
    with reading(world.shop.engine) as session:
        waiting = held_batches.count_held(session)
    assert counted(diana) == waiting >= 3
    form = {"csrf": token_of(diana), "back": "/tonight#held", "to": "refuse",
            "reason": "the export was of the wrong month"}  # fmt: skip
    assert diana.post(f"/batches/{held.id}", data=form).status_code == 303
    assert counted(diana) == waiting - 3


def test_the_funnel_can_be_taken_along_as_a_table(world: ConsoleWorld, app: Starlette) -> None:
    answer = signed_in(app, "diana").get("/programme.csv")
    rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    cases = {
        row["name"]: int(row["customers"]) for row in rows if row["what"] == "cases of restore"
    }
    assert cases["terminate"] >= 4
    assert sum(cases.values()) >= 20
    assert all(row["median_days"].isdigit() for row in rows)
