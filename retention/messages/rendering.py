"""Turn a template and plain values into subject, text and HTML.

Values never become Markdown or HTML: while a template is rendered each printed value is replaced by
a placeholder, and only after Markdown has been parsed is it put in, escaped for the part it is in.
"""

import html as html_escaping
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import css_inline
from jinja2 import FileSystemLoader, StrictUndefined
from jinja2 import Template as JinjaTemplate
from jinja2 import TemplateError as JinjaError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markdown_it.token import Token
from markupsafe import Markup

from retention.domain.brand import Brand
from retention.domain.errors import TemplateError
from retention.messages.letters import to_blocks
from retention.messages.logo import inline_logo
from retention.messages.markdown import parse, to_html, to_text
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

_TARGET = re.compile(r"(\S*): (?:mailto:([^\s?]*[^\s?.,;:)])(?:\?\S*[^\s.,;:)])?|tel:\+?\d*)")
_PLACE = re.compile(r"zqv(\d{4})vqz")
_UNSEEN = frozenset({"Cc", "Cf", "Co", "Cs", "Cn"})
_ANY = re.compile(r'href="([^"]*)"|zqv(\d{4})vqz|zqx(subject|preheader|company)xqz')
_SCHEMES = ("mailto:", "tel:", "https://")
_ON_THIS_MACHINE = ("http://127.0.0.1", "http://localhost")
MAX_HTML_BYTES = 60 * 1024
_BROKEN = (
    JinjaError,
    ValueError,
    TypeError,
    ArithmeticError,
    LookupError,
)  # what a template can come to
_OUTER = "zqx{}xqz"  # the places of _ANY

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
        subject = _one_line(_compiled(root, front.subject).render(context), placed)
        preheader = _one_line(_compiled(root, front.preheader).render(context), placed)
        event = None
        if front.calendar is not None:
            title, note = front.calendar.title, front.calendar.note
            event = (
                _one_line(_compiled(root, title).render(context), placed),
                _one_line(_compiled(root, note).render(context), placed),
            )
        context["answer"] = {
            name: _answer_link(root, context, placed, answer)
            for name, answer in front.answers.items()
        }
        body = _compiled(root, template.body).render(context)
        shape = _shape(root, template.language, body, manner.brand)
        tokens = shape.tokens
        text = to_text(tokens, lambda part: _typed(_fill(part, placed)))
        outer = {"subject": subject, "preheader": preheader, "company": str(values["company"])}
        html = _fill_html(shape.page, placed, outer, manner.hosts)
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
    return to_blocks(tokens, lambda part: _fill(part, placed))


def render_text(root: Path, source: str, values: Values, manner: Manner) -> str:
    """Return a text for people who work with us, such as the script of a call.

    Raises TemplateError.
    """
    placed: list[str] = []
    context = {**values, "manner": manner, VALUES: placed}
    try:
        tokens = parse(_compiled(root, source).render(context))
        return to_text(tokens, lambda part: _fill(part, placed))
    except _BROKEN as error:
        raise TemplateError("a script", str(error), "Correct it.") from error


def render_part(root: Path, source: str, values: Values, manner: Manner) -> str:
    """Return a part of a message as Markdown, its values filled in: what its editor begins with.

    Raises TemplateError.
    """
    placed: list[str] = []
    context = {**values, "manner": manner, VALUES: placed}
    try:
        return _fill(_compiled(root, source).render(context), placed).strip()
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
        _fill(_compiled(root, words).render(context), placed)
        for words in (answer.subject, answer.body)
    )
    sender = context["sender"]["reply_to"]
    asked = f"subject={quote(subject)}&body={quote(body.strip())}"
    return Written(kept(placed, f"mailto:{quote(sender, safe='@+')}?{asked}"))


def _fill(text: str, placed: list[str]) -> str:
    return _PLACE.sub(lambda match: placed[int(match[1])], text)


def _typed(text: str) -> str:
    """Write the target of a link the way people type it: an address, once."""

    def typed(match: re.Match[str]) -> str:
        label, address = match[1], match[2]
        known = address is None or label.casefold() == address.casefold()
        return label if known else f"{label}: {address}"

    return _TARGET.sub(typed, text)


def _one_line(text: str, placed: list[str]) -> str:
    """A header's text: letters that nobody sees, or that turn the others round, are left out."""
    line = " ".join(_fill(text, placed).split())
    return "".join(letter for letter in line if unicodedata.category(letter) not in _UNSEEN)


def _fill_html(
    html: str, placed: list[str], outer: Mapping[str, str], hosts: frozenset[str]
) -> str:
    """Put values in, each once: what looks like a place inside a value stays as it is."""

    def link(match: re.Match[str]) -> str:
        whole = _PLACE.fullmatch(match[1])
        begins = _PLACE.match(match[1])
        target = placed[int(begins[1])] if begins else html_escaping.unescape(match[1])
        if not target.startswith((*_SCHEMES, *_ON_THIS_MACHINE)):
            raise ValueError(f"a link must begin with one of {', '.join(_SCHEMES)}")
        if target.startswith("http"):
            _require_own_host(target, hosts)
        address = target
        if begins and not whole:
            address = target + html_escaping.unescape(match[1][begins.end() :])
        elif not whole:
            address = _PLACE.sub(lambda m: quote(placed[int(m[1])], safe="@+ "), target)
        return f'href="{html_escaping.escape(address).replace(" ", "")}"'

    def value(match: re.Match[str]) -> str:
        _, number, name = match.groups()
        return html_escaping.escape(placed[int(number)] if number else outer[name])

    # One pass over both, links first among them: no value is ever looked at again.
    return _ANY.sub(lambda match: link(match) if match[1] is not None else value(match), html)


def _refuse_large(html: str) -> None:
    if len(html.encode()) > MAX_HTML_BYTES:
        raise ValueError(f"the message is larger than {MAX_HTML_BYTES // 1024} KB")


def _require_own_host(address: str, hosts: frozenset[str]) -> None:
    """A link leads to a host of ours, spelt out in the template or the settings, or nowhere."""
    parts = urlsplit(address)
    if parts.username is not None or not (parts.hostname or "").isascii():
        raise ValueError(f"'{parts.netloc}' is no plain host name")
    if parts.hostname not in hosts:
        raise ValueError(f"'{parts.hostname}' is not among the hosts of sending.yaml")


@dataclass(frozen=True, slots=True)
class _Shape:
    """A message before its values: its tokens, and its page with places for them."""

    tokens: tuple[Token, ...]
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
        **{name: _OUTER.format(name) for name in ("subject", "preheader", "company")},
    )
    inliner = css_inline.CSSInliner(keep_style_tags=True, load_remote_stylesheets=False)
    return _Shape(tuple(tokens), inliner.inline(page))


@lru_cache(maxsize=4)
def _layout(root: Path) -> Any:
    environment = ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(root / "email"), undefined=StrictUndefined, autoescape=True
    )
    return environment.get_template("layout.html")
