"""The words of the console: what its pages and code say, and what the catalogues translate."""

import ast
import re
from collections.abc import Iterator

from babel.messages.pofile import read_po
from jinja2.ext import babel_extract

from retention.domain.forms import FORMS
from tests.conftest import ROOT

LOCALES = ROOT / "templates" / "web" / "locale"
_CALLS = {"N_", "say", "count"}


def said() -> set[str]:
    """Return every sentence that is shown to people who use the console."""
    return {
        *_of_pages(),
        *_of_code(),
        *(q for form in FORMS.values() for q in form.fields.values()),
    }


def _of_pages() -> Iterator[str]:
    for path in sorted((ROOT / "templates" / "web").rglob("*.html")):
        with path.open("rb") as file:
            options = {"trim_blocks": "true", "lstrip_blocks": "true"}
            for _, name, message, _ in babel_extract(file, ["_", "count"], [], options):
                found = message[0] if isinstance(message, tuple) else message
                if found is not None:  # words that code has marked: they are found there
                    assert name in ("_", "count")
                    yield found


def _of_code() -> Iterator[str]:
    for path in sorted((ROOT / "retention" / "web").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and _name(node.func) in _CALLS and node.args:
                first = node.args[0]
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    yield first.value
        if path.name == "sentences.py":
            yield from re.findall(r'"([A-Z][^"]*\{what\}[^"]*)"', path.read_text("utf-8"))


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def translated(language: str) -> dict[str, tuple[str, ...]]:
    """Return what a catalogue translates, by its English words."""
    with (LOCALES / f"{language}.po").open("rb") as file:
        found = read_po(file, locale=language)
    words: dict[str, tuple[str, ...]] = {}
    for message in found:
        if message.id:
            key = message.id if isinstance(message.id, str) else message.id[0]
            told = message.string
            words[key] = (told,) if isinstance(told, str) else tuple(told or ())
    return words
