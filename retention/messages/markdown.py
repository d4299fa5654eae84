"""Markdown to a text part and an HTML part that say the same.

Templates use a small part of Markdown: headings, paragraphs, lists, strong, emphasis, links and
hard line breaks. Anything else is refused, so that nothing can appear in one part only.
"""

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from markdown_it import MarkdownIt
from markdown_it.token import Token

WIDTH = 76
_PARSER = MarkdownIt("commonmark", {"html": False})
_BLOCKS = {"heading", "paragraph", "bullet_list", "ordered_list", "list_item"}
_INLINE = {"text", "softbreak", "hardbreak", "strong", "em", "link"}
_APART = 3  # a paragraph opens, speaks and closes
_UNDERLINE = {"h1": "=", "h2": "-"}


def parse(markdown: str) -> list[Token]:
    """Return the tokens of a message. Raises ValueError for Markdown that is not used here."""
    tokens = _PARSER.parse(markdown)
    for token in tokens:
        name = token.type.removesuffix("_open").removesuffix("_close")
        if name not in _BLOCKS and name != "inline":
            raise ValueError(f"'{name}' is not used in messages")
        for child in token.children or ():
            name = child.type.removesuffix("_open").removesuffix("_close")
            if name not in _INLINE:
                raise ValueError(f"'{name}' is not used in messages")
    return tokens


def to_html(tokens: Sequence[Token]) -> str:
    """Return HTML. A paragraph that is one link becomes a button; of several none is louder."""
    places = [
        place
        for place, (before, token) in enumerate(pairwise(tokens))
        if before.type == "paragraph_open" and is_button(token)
    ]
    for place in places:
        beside = {place - _APART, place + _APART} & set(places)
        token = tokens[place + 1]
        token.children[0].attrSet("class", "button plain" if beside else "button")  # type: ignore[index]
    for token in filter(is_scale, tokens):
        for child in token.children or ():
            if child.type == "link_open":
                child.attrSet("class", "step")
    html: str = _PARSER.renderer.render(list(tokens), _PARSER.options, {})
    return html


def is_button(token: Token) -> bool:
    """Tell whether a paragraph is one link and nothing else."""
    children = token.children or []
    links = [child for child in children if child.type == "link_open"]
    return len(links) == 1 and children[0].type == "link_open" and children[-1].type == "link_close"


def is_scale(token: Token) -> bool:
    """Tell whether a paragraph is a row of links and nothing else: one page, several answers."""
    children = token.children or []
    links = sum(child.type == "link_open" for child in children)
    between = [c.content.strip() for at, c in enumerate(children) if c.type == "text" and (
        at == 0 or children[at - 1].type != "link_open")]  # fmt: skip
    return links > 1 and not any(between)


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, a heading or a list item before its values; without a text, an empty line.

    `first` and `rest` begin its lines. `underline` is what a heading has below it; what is `apart`
    is followed by an empty line.
    """

    text: str | None
    first: str = ""
    rest: str = ""
    underline: str | None = None
    apart: bool = False


def outline(tokens: Sequence[Token]) -> tuple[Block, ...]:
    """Return the blocks of plain text: the same words, links followed by their target."""
    blocks: list[Block] = []
    lists: list[int | None] = []
    tight_item = False
    for position, token in enumerate(tokens):
        if token.type in ("bullet_list_open", "ordered_list_open"):
            lists.append(1 if token.type.startswith("ordered") else None)
        elif token.type in ("bullet_list_close", "ordered_list_close"):
            lists.pop()
            blocks.append(Block(None))
        elif token.type == "list_item_open":
            tight_item = True
        elif token.type == "inline":
            text = (_scale if is_scale(token) else _inline)(token.children or [])
            if tight_item and lists:
                blocks.append(_list_item(text, lists))
                tight_item = False
            else:
                underline = _UNDERLINE.get(tokens[position - 1].tag)
                blocks.append(Block(text, underline=underline, apart=True))
    return tuple(blocks)


def _list_item(text: str, lists: list[int | None]) -> Block:
    number = lists[-1]
    mark = "- " if number is None else f"{number}. "
    if number is not None:
        lists[-1] = number + 1
    indent = "  " * (len(lists) - 1)
    return Block(text, indent + mark, indent + " " * len(mark))


def to_text(blocks: Sequence[Block], fill: Callable[[str], str]) -> str:
    """Return plain text. `fill` puts values in the place of their placeholders, before wrapping."""
    lines: list[str] = []
    for block in blocks:
        if block.text is None:
            lines.append("")
        elif block.apart:
            lines += [*_paragraph(fill(block.text), block.underline), ""]
        else:
            lines.append(_wrapped(fill(block.text), block.first, block.rest))
    return "\n".join(lines).strip() + "\n"


def _paragraph(text: str, underline: str | None) -> list[str]:
    lines = [_wrapped(part) for part in text.split("\n")]
    if underline:
        widest = max(len(line) for line in "\n".join(lines).split("\n"))
        lines.append(underline * min(widest, WIDTH))
    return lines


@lru_cache(maxsize=2048)  # most paragraphs hold no value of the customer's
def _wrapped(text: str, first: str = "", rest: str = "") -> str:
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _scale(children: Sequence[Token]) -> str:
    """A row of links to one page: their labels, and the page once."""
    labels = [child.content for child in children if child.type == "text" and child.content.strip()]
    first = next(child for child in children if child.type == "link_open")
    return f"{' '.join(labels)}: {str(first.attrGet('href')).partition('?')[0]}"


def _inline(children: Sequence[Token]) -> str:
    parts: list[str] = []
    target, label_from = "", 0
    for child in children:
        if child.type == "text":
            parts.append(child.content)
        elif child.type == "softbreak":
            parts.append(" ")
        elif child.type == "hardbreak":
            parts.append("\n")
        elif child.type == "link_open":
            target, label_from = str(child.attrGet("href")), len(parts)
        elif child.type == "link_close":
            label = "".join(parts[label_from:])
            address = target.removeprefix("mailto:").removeprefix("tel:")
            if address != label:
                parts.append(f": {address}")
    return "\n".join(line.strip() for line in "".join(parts).split("\n"))
