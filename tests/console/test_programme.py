"""The programme's pages: what the night held back, and where the cases stand."""

import csv
import io
import re

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from retention.db.session import reading, writing
from retention.domain.limits import BatchState, OverCap
from retention.ladder import held_batches
from retention.web.console.csv import safe
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


def table(client: TestClient, path: str) -> list[dict[str, str]]:
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-disposition"].startswith("attachment")
    return list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))


def test_what_a_customer_s_charts_show_can_be_taken_along(
    world: ConsoleWorld, app: Starlette
) -> None:
    client = signed_in(app, "diana")
    page = client.get("/customers/C00").text
    assert 'href="/customers/C00/nights.csv"' in page
    *_, total = table(client, "/customers/C00/parts.csv")
    assert total["part"] == "net_profit_12m"
    nights = table(client, "/customers/C00/nights.csv")
    assert nights == sorted(nights, key=lambda row: row["night"])
    assert float(nights[-1]["net_profit_12m"]) == float(total["amount"])


@pytest.mark.parametrize(
    ("value", "written"),
    [("=1+1", "'=1+1"), ("+34 600", "'+34 600"), ("-2+3", "'-2+3"), ("@x", "'@x"), (" =1", "' =1"),
     ("-300.00", "-300.00"), (-300, -300), ("Ana", "Ana"), (None, "")],
)  # fmt: skip
def test_a_table_holds_no_formula_and_its_numbers_are_numbers(value: object, written: str) -> None:
    assert safe(value) == written
