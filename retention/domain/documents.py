"""Documents that we store and read again years later: each carries the version of its shape.

A document of an earlier version is brought to today's shape when it is read; one of a later version
is refused. Whoever changes a shape adds a version, a converter, and a state to
`tests/states/` that the last version has made.
"""

from collections.abc import Callable
from typing import Any

from retention.domain.errors import RetentionError

Document = dict[str, Any]
Converter = Callable[[Document], Document]
SCHEMA = "schema"
SUMMARY, RECEIPT, PLAN = 2, 2, 1
"""Today's versions. What was written before versions were counted has version 1, plans have 0."""


def stamped(document: Document, version: int) -> Document:
    """Return a document with its version."""
    return {SCHEMA: version, **document}


def current_summary(document: Document | None, subject: str) -> Document:
    """Return the summary of a run in today's shape, as the night gave it; an empty one for none.

    Raises RetentionError for one of a later version.
    """
    if not document:
        return {}
    found = _converted(document, subject, SUMMARY, {1: _summary_of_the_first})
    return {key: value for key, value in found.items() if key != SCHEMA}


def why_of(summary: Document | None) -> str:
    """Return why a run failed or was held, in words that name nobody; empty for any other."""
    found = summary or {}
    return str(found.get("why") or found.get("reason") or "")


def current_receipt(document: Document, subject: str) -> Document:
    """Return a receipt in today's shape. Raises RetentionError for one of a later version."""
    return _converted(document, subject, RECEIPT, {1: _receipt_of_the_first})


def _converted(
    document: Document, subject: str, today: int, converters: dict[int, Converter]
) -> Document:
    version = document.get(SCHEMA, 1)
    if version > today:
        raise RetentionError(
            subject,
            f"was written by a later version (schema {version}; this one reads up to {today})",
            "Install that version again, or restore the backup of before.",
        )
    while version < today:
        document = converters[version](document)
        version += 1
    return document


def _summary_of_the_first(document: Document) -> Document:
    """The first versions had no gates per table: the columns they read are what is expected."""
    made = {key: value for key, value in document.items() if key != SCHEMA}
    if "pull" in made:
        pull = made["pull"]
        empty: Document = {"tables": {}, "tripped": {}, "held_playbooks": [], "accepted": {},
                           "shards": 1, "expected": pull.get("columns", {})}  # fmt: skip
        made["pull"] = empty | pull
    if "scores" in made:
        made["scores"] = {"tier": {}} | made["scores"]
    if "decisions" in made:
        made["decisions"] = {"held_out": 0, "escalated": 0, "over_cap": {}} | made["decisions"]
    return stamped(made, SUMMARY)


def _receipt_of_the_first(document: Document) -> Document:
    """The first receipts kept no facts: they can be shown, and not decided again."""
    empty: Document = {"progress": None, "facts": None, "decided": None, "place": [None, None]}
    return stamped(empty | document, RECEIPT)
