"""A message's text part as blocks of a page: headings, paragraphs and lists, without its links."""

import re
from typing import NamedTuple

_RULE = re.compile(r"[=-]{3,}")
_PLACE = re.compile(r"[a-z]+-link-is-made-when-this-leaves")


class Block(NamedTuple):
    """A heading, a paragraph, or a list of items."""

    kind: str
    lines: tuple[str, ...]


def blocks_of(text: str) -> tuple[Block, ...]:
    """Return the blocks of a text; lines that were broken to fit are joined again."""
    found = []
    for part in re.split(r"\n\s*\n", text.strip()):
        lines = [line.rstrip() for line in part.splitlines() if not _RULE.fullmatch(line.strip())]
        if not lines or _PLACE.search(part):
            continue
        if len(lines) < len(part.splitlines()):
            found.append(Block("heading", (" ".join(lines),)))
        elif lines[0].startswith("- "):
            items = re.split(r"\n- ", "\n".join(lines).removeprefix("- "))
            found.append(Block("list", tuple(" ".join(item.split()) for item in items)))
        else:
            found.append(Block("text", (" ".join(" ".join(lines).split()),)))
    return tuple(found)
