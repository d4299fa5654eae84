"""A message as a letter: a tagged PDF with the same words, made by Typst.

What the letter says is handed over as data, so that nothing in it can be taken for markup.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import typst
from markdown_it.token import Token

from retention.domain.errors import TemplateError

_LISTS = {"bullet_list_open": "bullets", "ordered_list_open": "numbers"}
LAYOUT = Path("pdf") / "letter.typ"
Fill = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Letterhead:
    """What stands around the words of a letter. `address` are the lines of the recipient."""

    company: str
    title: str
    address: tuple[str, ...]
    dated: str
    reference: str
    footer: str
    locale: str


def make_pdf(
    templates: Path, head: Letterhead, blocks: Sequence[dict[str, Any]], written_at: datetime
) -> bytes:
    """Return the letter as PDF/UA-1: the same input gives the same bytes.

    Raises TemplateError when it cannot be set.
    """
    language = head.locale.partition("_")[0]
    data = {**asdict(head), "language": language, "blocks": list(blocks)}
    try:
        made = typst.compile(
            templates / LAYOUT,
            root=templates / "pdf",
            ignore_system_fonts=True,
            sys_inputs={"data": json.dumps(data, ensure_ascii=False)},
            pdf_standards=["ua-1"],
            timestamp=int(written_at.timestamp()),
        )
    except typst.TypstError as error:
        raise TemplateError("pdf/letter.typ", error.message, "Correct the layout.") from error
    return bytes(made)


def to_blocks(tokens: Sequence[Token], fill: Fill) -> list[dict[str, Any]]:
    """Return the blocks of a message as plain data; `fill` puts values in place."""
    blocks: list[dict[str, Any]] = []
    lists: list[dict[str, Any]] = []
    for position, token in enumerate(tokens):
        if token.type in _LISTS:
            lists.append({"kind": _LISTS[token.type], "items": []})
        elif token.type.endswith("_list_close"):
            blocks.append(lists.pop())
        elif token.type == "inline":
            runs = _runs(token.children or [], fill)
            opener = tokens[position - 1]
            if lists:
                lists[-1]["items"].append(runs)
            elif opener.type == "heading_open":
                blocks.append({"kind": "heading", "level": int(opener.tag[1:]), "runs": runs})
            else:
                blocks.append({"kind": "paragraph", "runs": runs})
    return blocks


def _runs(children: Sequence[Token], fill: Fill) -> list[dict[str, Any]]:
    runs: list[dict[str, Any]] = []
    strong, em, link = 0, 0, None
    for child in children:
        if child.type in ("strong_open", "strong_close"):
            strong += child.nesting
        elif child.type in ("em_open", "em_close"):
            em += child.nesting
        elif child.type == "link_open":
            link = fill(str(child.attrGet("href")))
        elif child.type == "link_close":
            link = None
        elif child.type == "hardbreak":
            runs.append({"kind": "break"})
        else:
            text = " " if child.type == "softbreak" else fill(child.content)
            runs.append(
                {"kind": "text", "text": text, "strong": strong > 0, "em": em > 0, "link": link}
            )
    return runs
