"""The console's pages are valid HTML: what browsers repair, they repair each in its own way."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from starlette.applications import Starlette

from retention.web.console.routes import PAGES
from tests.conftest import ROOT
from tests.console.test_guard import address
from tests.factories.consoles import ConsoleWorld, signed_in

VALIDATE = ROOT / "node_modules" / ".bin" / "html-validate"
ITEMS = ("renegotiation_proposal", "prepaid_migration_offer", "termination_notice",
         "reassessment", "conversation")  # fmt: skip


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
    off = (
        "long-title", "no-trailing-whitespace", "void-style", "attribute-boolean-style",
        "no-raw-characters", "prefer-native-element", "doctype-style", "no-redundant-role",
    )  # fmt: skip
    rules: dict[str, object] = dict.fromkeys(off, "off")
    rules["no-inline-style"] = "error"
    rules["form-dup-name"] = ["error", {"shared": ["radio", "checkbox", "button", "submit"]}]
    config = {"root": True, "extends": ["html-validate:recommended"], "rules": rules}
    (tmp_path / ".htmlvalidate.json").write_text(json.dumps(config), "utf-8")
    said = subprocess.run(
        [str(VALIDATE), "--formatter", "stylish", "."],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert said.returncode == 0, said.stdout[:6000]
    assert shutil.which("node")
