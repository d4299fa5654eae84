"""Is a page valid HTML? What browsers repair, they repair each in its own way."""

import json
import subprocess
from pathlib import Path

from tests.conftest import ROOT

VALIDATE = ROOT / "node_modules" / ".bin" / "html-validate"
_OFF = (
    "long-title", "no-trailing-whitespace", "void-style", "attribute-boolean-style",
    "no-raw-characters", "prefer-native-element", "doctype-style", "no-redundant-role",
)  # fmt: skip


def what_is_invalid(folder: Path, **more: str) -> str:
    """Return what is wrong with the pages in a folder; `more` are rules of their own."""
    rules: dict[str, object] = {**dict.fromkeys(_OFF, "off"), **more}
    rules["form-dup-name"] = ["error", {"shared": ["radio", "checkbox", "button", "submit"]}]
    config = {"root": True, "extends": ["html-validate:recommended"], "rules": rules}
    (folder / ".htmlvalidate.json").write_text(json.dumps(config), "utf-8")
    said = subprocess.run(
        [str(VALIDATE), "--formatter", "stylish", "."],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return "" if said.returncode == 0 else said.stdout[:6000] + said.stderr[:2000] + "invalid"
