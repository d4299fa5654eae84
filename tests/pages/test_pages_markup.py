"""The customers' pages are valid HTML."""

import re
from pathlib import Path

import pytest

from tests.factories.markup import VALIDATE, what_is_invalid
from tests.factories.pages import Customer, PagesWorld
from tests.pages.test_links import ways


@pytest.mark.skipif(not VALIDATE.exists(), reason="html-validate is not installed (npm ci)")
def test_every_page_is_valid_html(world: PagesWorld, customer: Customer, tmp_path: Path) -> None:
    offer, notice = (world.path(t, p) for t, p in (
        ("renegotiation_proposal", "offer"), ("termination_notice", "notice")))  # fmt: skip
    pages = {path: customer.get(path) for path in ways(world) if "letter" not in path}
    pages |= {f"{offer}-{said}": customer.choose(offer, said)
              for said in ("accept", "counter", "decline", "ask", "")}  # fmt: skip
    pages["over"] = customer.get("/c/offer/x")
    pages["api"] = customer.get("/api/")
    pages["done"] = customer.say(notice, "contest", words="no")
    for number, page in enumerate(pages.values()):
        (tmp_path / f"{number}.html").write_text(page.text, "utf-8")
    assert not what_is_invalid(tmp_path)
    assert not re.findall(r"\{[a-z]+\}", pages["done"].text.partition("</style>")[2])
