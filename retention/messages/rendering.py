"""Turn a template and plain values into subject, text and HTML.

Values never become Markdown or HTML: while a template is rendered each printed value is replaced by
a placeholder, and only after Markdown has been parsed is it put in, escaped for the part it is in.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import css_inline
from jinja2 import FileSystemLoader, StrictUndefined
from jinja2 import Template as JinjaTemplate
from jinja2 import TemplateError as JinjaError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from retention.domain.brand import Brand
from retention.domain.errors import TemplateError
from retention.messages.letters import to_blocks
from retention.messages.logo import inline_logo
from retention.messages.markdown import Block, outline, parse, to_html, to_text
from retention.messages.placed_values import OUTER, OUTER_NAMES, fill, fill_html, one_line, typed
from retention.messages.template_filters import (
    FILTERS,
    VALUES,
    Bill,
    Manner,
    Written,
    kept,
    place,
)
from retention.messages.template_language import check_language
from retention.messages.templates import AnswerMatter, Template

MAX_HTML_BYTES = 60 * 1024
_BROKEN = (
    JinjaError,
    ValueError,
    TypeError,
    ArithmeticError,
    LookupError,
)  # what a template can come to

Plain = str | int | Decimal | date | datetime | tuple[Bill, ...] | None
Values = Mapping[str, Mapping[str, Plain] | Plain]


@dataclass(frozen=True, slots=True)
class Rendered:
    """The parts of one message, before it becomes bytes.

    `event` is the title and the note of the calendar entry that it is about, if it is about one.
    """

    subject: str
    preheader: str
    text: str
    html: str
    blocks: tuple[dict[str, Any], ...] = ()
    event: tuple[str, str] | None = None


def render(root: Path, template: Template, values: Values, manner: Manner) -> Rendered:
    """Render `template` with `values` in a customer's manner.

    `values` holds plain text, numbers, dates and mappings of them, nothing with methods of its own.
    Raises TemplateError when a value is missing, the template is broken, or the message too large.
    """
    placed: list[str] = []
    context = {**values, "manner": manner, VALUES: placed}
    name = f"{template.purpose}/{template.language}.md"
    try:
        front = template.front
        subject = one_line(_compiled(root, front.subject).render(context), placed)
        preheader = one_line(_compiled(root, front.preheader).render(context), placed)
        event = None
        if front.calendar is not None:
            title, note = front.calendar.title, front.calendar.note
            event = (
                one_line(_compiled(root, title).render(context), placed),
                one_line(_compiled(root, note).render(context), placed),
            )
        context["answer"] = {
            name: _answer_link(root, context, placed, answer)
            for name, answer in front.answers.items()
        }
        body = _compiled(root, template.body).render(context)
        shape = _shape(root, template.language, body, manner.brand)
        text = to_text(shape.blocks, lambda part: typed(fill(part, placed)))
        outer = {"subject": subject, "preheader": preheader, "company": str(values["company"])}
        html = fill_html(shape.page, placed, outer, manner.hosts)
        blocks = _on_paper(root, template, context, placed) if front.pdf else []
        _refuse_large(html)
    except _BROKEN as error:
        raise TemplateError(name, str(error), "Correct the template or its values.") from error
    return Rendered(subject, preheader, text, html, tuple(blocks), event)


def _on_paper(
    root: Path, template: Template, context: dict[str, Any], placed: list[str]
) -> list[dict[str, Any]]:
    """What a letter says: the same, but for links to pages, which nobody can touch there."""
    there = {**context, "page": dict.fromkeys(context.get("page", ()), "")}
    tokens = parse(_compiled(root, template.body).render(there))
    return to_blocks(tokens, lambda part: fill(part, placed), template.language)


def render_text(root: Path, source: str, values: Values, manner: Manner) -> str:
    """Return a text for people who work with us, such as the script of a call.

    Raises TemplateError.
    """
    placed: list[str] = []
    context = {**values, "manner": manner, VALUES: placed}
    try:
        tokens = parse(_compiled(root, source).render(context))
        return to_text(outline(tokens), lambda part: fill(part, placed))
    except _BROKEN as error:
        raise TemplateError("a script", str(error), "Correct it.") from error


def render_part(root: Path, source: str, values: Values, manner: Manner) -> str:
    """Return a part of a message as Markdown, its values filled in: what its editor begins with.

    Raises TemplateError.
    """
    placed: list[str] = []
    context = {**values, "manner": manner, VALUES: placed}
    try:
        return fill(_compiled(root, source).render(context), placed).strip()
    except _BROKEN as error:
        raise TemplateError("a part", str(error), "Correct the template.") from error


@lru_cache(maxsize=4)
def _environment(root: Path) -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(root / "email"),
        undefined=StrictUndefined,
        finalize=place,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )
    environment.filters.update(FILTERS)
    return environment


@lru_cache(maxsize=256)
def _compiled(root: Path, source: str) -> JinjaTemplate:
    """Compile a template's text once: compiling costs far more than rendering."""
    environment = _environment(root)
    check_language(environment, source)
    return environment.from_string(source)


def _answer_link(
    root: Path, context: dict[str, Any], placed: list[str], answer: AnswerMatter
) -> Written:
    """Return the place of a link that opens a message to us, with its subject and its words."""
    subject, body = (
        fill(_compiled(root, words).render(context), placed)
        for words in (answer.subject, answer.body)
    )
    sender = context["sender"]["reply_to"]
    asked = f"subject={_quoted(subject)}&body={_quoted(body.strip())}"
    return Written(kept(placed, f"mailto:{quote(sender, safe='@+')}?{asked}"))


@lru_cache(maxsize=256)  # mostly the same words for everybody
def _quoted(words: str) -> str:
    return quote(words)


def _refuse_large(html: str) -> None:
    if len(html.encode()) > MAX_HTML_BYTES:
        raise ValueError(f"the message is larger than {MAX_HTML_BYTES // 1024} KB")


@dataclass(frozen=True, slots=True)
class _Shape:
    """A message before its values: the blocks of its text, and its page with places for them."""

    blocks: tuple[Block, ...]
    page: str


@lru_cache(maxsize=512)
def _shape(root: Path, language: str, markdown: str, brand: Brand) -> _Shape:
    """Return the shape of a message. Many customers share one: only their values differ."""
    tokens = parse(markdown)
    page = _layout(root).render(
        language=language,
        brand=brand,
        logo=inline_logo(brand.logo) is not None,
        body=Markup(to_html(tokens)),  # noqa: S704 - built by us, values are put in escaped
        **{name: OUTER.format(name) for name in OUTER_NAMES},
    )
    inliner = css_inline.CSSInliner(keep_style_tags=True, load_remote_stylesheets=False)
    return _Shape(outline(tokens), inliner.inline(page))


@lru_cache(maxsize=4)
def _layout(root: Path) -> Any:
    environment = ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(root / "email"), undefined=StrictUndefined, autoescape=True
    )
    return environment.get_template("layout.html")
