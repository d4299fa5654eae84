"""People see how they decide before anybody else tells them."""

import re

from sqlalchemy import select
from starlette.applications import Starlette

from retention.db.models.work.actions import Action, Approval
from retention.db.session import writing
from tests.factories.consoles import ConsoleWorld, signed_in

PROPOSAL = "renegotiation_proposal"
LOOKED = {5: 2, 6: None, 7: 3, 8: 0, 9: 1}
"""Seconds at which one looked; at None not at all. All other decisions took a minute."""


def shown(html: str, name: str) -> dict[str, str]:
    """Return the row of a person in the page's table, by the heads of its columns."""
    heads = re.findall(r"<th scope=\"col\"[^>]*>([^<]*)</th>", html)[1:]
    [row] = re.findall(rf'<th scope="row">{name}</th>(.*?)</tr>', html)
    return dict(zip(heads, re.findall(r"<td[^>]*>([^<]*)</td>", row), strict=True))


def test_a_run_of_stamps_and_what_was_edited_stand_on_ones_own_page(
    world: ConsoleWorld, app: Starlette
) -> None:
    with writing(world.shop.engine) as session:
        order = (Approval.decided_at, Approval.id)
        given = session.scalars(
            select(Approval).where(Approval.person_id == "marta").order_by(*order)
        ).all()
        for number, approval in enumerate(given):
            approval.dwell_seconds = LOOKED.get(number, 60)
        session.get_one(Action, world.waiting(PROPOSAL)).edited_by = "fran,marta"
    page = signed_in(app, "marta").get("/people").text
    row = shown(page, "Marta Ruiz")
    assert int(row["Decisions"]) == len(given) > max(LOOKED) + 1
    assert (row["Not looked at"], row["In under 10 s"]) == ("1", "4")
    assert row["Most in a row in 3 s each"] == "5"
    assert row["Messages edited"] == "1"
    assert "Fran" not in page.split("<table>")[1], "nobody sees the others but who steers"
    assert "Fran" in signed_in(app, "diana").get("/people").text.split("<table>")[1]
