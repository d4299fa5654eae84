"""The words of the console: what its pages and code say, and what the catalogues translate."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

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


_SERVICES = ("actions", "answers", "cases", "db/queries", "people", "safeguards", "web",
             "audit/erasure.py", "audit/export.py", "delivery/settle_by_hand.py",
             "domain", "ladder/held_batches.py",
             "nights/gate_overrides.py")  # fmt: skip
_SAY_NO = {"refuse", "NotAllowedError", "NotFoundError"}


def refused() -> set[str]:
    """Return every sentence with which a service that the console calls says no."""
    found = set()
    for room in _SERVICES:
        place = ROOT / "retention" / room
        for path in [place] if place.suffix else sorted(place.rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Call) and _name(node.func) in _SAY_NO:
                    found |= {text for arg in node.args if (text := _with_holes(arg))}
    return found


_KEEPS_BACK = (
    "actions/background.py", "delivery/claim.py", "delivery/last_check.py",
    "delivery/waiting_reasons.py", "nights/last_look.py", "nights/turned.py",
    "safeguards/customer_blocks.py",
)  # fmt: skip
_GIVES_REASONS = {"Refusal", "append", "setdefault", "fromkeys"}


def kept_back() -> set[str]:
    """Return every sentence that says why a message waits or is taken back, or a case is stuck."""
    found: set[str] = set()
    for name in _KEEPS_BACK:
        for node in ast.walk(ast.parse((ROOT / "retention" / name).read_text("utf-8"))):
            found |= {text for value in _reasons(node) if " " in (text := _with_holes(value))}
    return found


_DISTRUSTS = (
    "domain/entry_doubt.py", "domain/findings.py", "domain/gates.py", "domain/people_gates.py",
    "sources/gate.py",
)  # fmt: skip


def distrusted() -> set[str]:
    """Return every sentence that says why a table, or a night's newcomers, is not trusted."""
    found: set[str] = set()
    for name in _DISTRUSTS:
        for node in ast.walk(ast.parse((ROOT / "retention" / name).read_text("utf-8"))):
            told = _findings(node)
            found |= {text for value in told if " " in (text := _with_holes(value))}
    return {text for text in found if not text.startswith("SELECT")} - {"{}: {}"}


def _findings(node: ast.AST) -> list[ast.expr]:
    """Return what a piece of code may give as a finding."""
    if isinstance(node, ast.Return) and node.value is not None:
        either = node.value
        return [either.body, either.orelse] if isinstance(either, ast.IfExp) else [either]
    if isinstance(node, ast.Assign) and _name(node.targets[0]) == "found":
        return [node.value]
    if isinstance(node, ast.AnnAssign) and _name(node.target) == "WORDS":
        return node.value.values if isinstance(node.value, ast.Dict) else []
    return []


def _reasons(node: ast.AST) -> list[ast.expr]:
    """Return what a piece of code may give as a reason."""
    if isinstance(node, ast.Call) and _name(node.func) in _GIVES_REASONS:
        return node.args
    if isinstance(node, ast.Return):
        return [node.value] if node.value else []
    if isinstance(node, ast.Dict):
        return node.values
    if isinstance(node, ast.Subscript):
        return [node.slice]
    if isinstance(node, ast.Assign) and _name(node.targets[0]).isupper():
        return [node.value]
    return []


def every_text() -> set[str]:
    """Return every text of the code, with `{}` where something is filled in."""
    files = sorted((ROOT / "retention").rglob("*.py"))
    nodes = (node for path in files for node in ast.walk(ast.parse(path.read_text("utf-8"))))
    return {text for node in nodes if isinstance(node, ast.expr) and (text := _with_holes(node))}


def _with_holes(node: ast.expr) -> str:
    """Return a text with `{}` where something is filled in; empty for anything else."""
    if isinstance(node, ast.JoinedStr):
        parts = (part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
        return "".join(map(str, parts))
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def translated(language: str) -> dict[str, tuple[str, ...]]:
    """Return what a catalogue translates, by its English words."""
    return read_words(LOCALES / f"{language}.po", language)


def read_words(path: Path, language: str) -> dict[str, tuple[str, ...]]:
    """Return what a catalogue's file translates, by its English words."""
    with path.open("rb") as file:
        found = read_po(file, locale=language)
    words: dict[str, tuple[str, ...]] = {}
    for message in found:
        if message.id:
            key = message.id if isinstance(message.id, str) else message.id[0]
            told = message.string
            words[key] = (told,) if isinstance(told, str) else tuple(told or ())
    return words
