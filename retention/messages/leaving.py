"""A message on the day it leaves: people approve all of it but that day, which nobody knows yet.

The `Date` header and a letter's own date are those of the attempt, whose moment is on record:
whoever has the row and that moment can make the bytes that left once more.
"""

import hashlib
import json
from base64 import encodebytes
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from retention.messages.customer_links import Tokens, with_tokens
from retention.messages.letters import LAYOUT, Letterhead, make_pdf
from retention.messages.template_filters import long_date

_DATE, _BREAK = b"Date: ", b"\r\n"
_PDF = b"Content-Type: application/pdf\r\n"


def as_leaving(
    raw: bytes,
    letter: str | None,
    at: datetime,
    timezone: str,
    templates: Path,
    logo: Path | None = None,
    tokens: Tokens | None = None,
) -> bytes:
    """Return an e-mail as it goes over the wire at a moment, in the sender's zone.

    `letter` is what its PDF is made of, if it has one; `tokens` are those of its links. Raises
    TemplateError.
    """
    there = at.astimezone(ZoneInfo(timezone))
    if raw.startswith(_DATE):
        raw = raw.split(_BREAK, 1)[1]
    if tokens:
        raw = with_tokens(raw, tokens)
    if letter is not None:
        raw = _with_pdf(raw, pdf_of(letter, at, timezone, templates, logo))
    return _DATE + format_datetime(there).encode("ascii") + _BREAK + raw


def _with_pdf(raw: bytes, pdf: bytes) -> bytes:
    """Put a PDF in the place of the one that was approved: headers and boundaries stay."""
    before, found, after = raw.partition(_PDF)
    head, gap, data = after.partition(_BREAK * 2)
    end = data.find(_BREAK + b"--")
    if not found or not gap or end < 0:
        raise AssertionError("a message with a letter has no place for it")
    coded = encodebytes(pdf).replace(b"\n", _BREAK)
    return before + found + head + gap + coded + data[end:]


def letter_text(head: Letterhead, blocks: Sequence[dict[str, Any]], templates: Path) -> str:
    """Return what a letter is made of, to be kept: its head, its words, the layout's hash."""
    parts = {"head": asdict(head), "blocks": list(blocks), "layout": layout_hash(templates)}
    return json.dumps(parts, ensure_ascii=False, sort_keys=True)


def pdf_of(
    letter: str, at: datetime, timezone: str, templates: Path, logo: Path | None = None
) -> bytes:
    """Return a letter's PDF, dated by the day of a moment. Raises TemplateError."""
    parts = json.loads(letter)
    head = parts["head"] | {"address": tuple(parts["head"]["address"])}
    there = at.astimezone(ZoneInfo(timezone))
    head["dated"] = long_date(there.date(), head["locale"])
    return make_pdf(templates, Letterhead(**head), parts["blocks"], at, logo)


def is_laid_out_as_approved(letter: str | None, templates: Path) -> bool:
    """Tell whether a letter would look today as it did when it was written."""
    return letter is None or json.loads(letter)["layout"] == layout_hash(templates)


def layout_hash(templates: Path) -> str:
    """Return the hash of the layout of letters."""
    return hashlib.sha256((templates / LAYOUT).read_bytes()).hexdigest()
