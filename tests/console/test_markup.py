"""The console's pages are valid HTML: what browsers repair, they repair each in its own way."""

import re
import shutil
from pathlib import Path

import pytest
from starlette.applications import Starlette

from retention.web.console.routes import PAGES
from tests.console.test_guard import address
from tests.factories.consoles import ConsoleWorld, signed_in
from tests.factories.markup import VALIDATE, what_is_invalid

ITEMS = ("renegotiation_proposal", "prepaid_migration_offer", "termination_notice",
         "reassessment", "conversation")  # fmt: skip


@pytest.mark.gate
@pytest.mark.skipif(not VALIDATE.exists(), reason="html-validate is not installed (npm ci)")
def test_every_page_is_valid_html(world: ConsoleWorld, app: Starlette, tmp_path: Path) -> None:
    client = signed_in(app, "diana")
    ids = {"id": world.waiting(ITEMS[0]), "purpose": "education", "language": "es"}
    paths = {address(page.path, ids) for page in PAGES if page.method == "GET"}
    paths |= {f"/queue/{world.waiting(what)}" for what in ITEMS} | {"/queue?view=all", "/sign-in"}
    for path in paths:
        answer = client.get(path)
        whole = answer.text.startswith("<!doctype html>") and not path.endswith("/message")
        if whole and "/templates/" not in path:  # those are messages
            (tmp_path / f"{re.sub(r'[^a-z0-9]+', '-', path)}.html").write_text(answer.text, "utf-8")
    assert not what_is_invalid(tmp_path, **{"no-inline-style": "error"})
    assert shutil.which("node")
