"""The pages' templates: strict, escaped, with a few ways of writing of the console's own."""

from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup

from retention.web.console.deeds import SAID
from retention.web.console.sentences import (
    event_of,
    months_labelled,
    nights_labelled,
    quantity_of,
    sentence_of,
)
from retention.web.console.svg import bar, columns, curve
from retention.web.console.words import reason_of, tone_of_stage, word_of


@lru_cache(maxsize=4)
def environment(templates: Path) -> Environment:
    """Return the environment of the console's pages."""
    made = Environment(
        loader=FileSystemLoader(templates / "web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(
        bar=bar,
        columns=columns,
        curve=curve,
        reason_of=reason_of,
        word_of=word_of,
        tone=tone_of_stage,
        deeds=SAID,
        sentence_of=sentence_of,
        quantity_of=quantity_of,
        event_of=event_of,
        months_labelled=months_labelled,
        nights_labelled=nights_labelled,
    )
    made.filters.update(initials=_initials, prose=_prose)
    return made


_MARKDOWN = MarkdownIt("commonmark", {"html": False}).disable(["link", "autolink", "image"])


def _prose(text: str) -> Markup:
    """Return a script of ours as headings and lists; nothing in it becomes HTML or a link."""
    return Markup(_MARKDOWN.render(text))  # noqa: S704 - HTML is off


def _initials(name: str) -> str:
    """Return the first letters of the first and the last word of a name."""
    words = name.split()
    return (words[0][:1] + (words[-1][:1] if len(words) > 1 else "")).upper() if words else "?"
