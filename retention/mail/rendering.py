"""Turn a template and plain values into subject, text and HTML.

Values never become Markdown or HTML: while a template is rendered each printed value is replaced by
a placeholder, and only after Markdown has been parsed is it put in, escaped for the part it is in.
"""

import html as html_escaping
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import css_inline
from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.numbers import format_currency
from jinja2 import FileSystemLoader, StrictUndefined, pass_context
from jinja2 import Template as JinjaTemplate
from jinja2 import TemplateError as JinjaError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from retention.domain.errors import TemplateError
from retention.mail.markdown import parse, to_html, to_text
from retention.mail.templates import Template

_PLACE = re.compile(r"zqv(\d{4})vqz")
_UNSAFE = re.compile(r"[\x00-\x1f\x7f\u2028\u2029\ufeff\u202a-\u202e\u2066-\u2069]+")
_HREF = re.compile(r'href="([^"]*)"')
_SCHEMES = ("mailto:", "tel:", "https://")
MAX_VALUE = 300
_VALUES = "_placed_values"

Plain = str | int | Decimal | date | None
Values = Mapping[str, Mapping[str, Plain] | Plain]


@dataclass(frozen=True, slots=True)
class Rendered:
    """The parts of one message, before it becomes bytes."""

    subject: str
    preheader: str
    text: str
    html: str


def render(root: Path, template: Template, values: Values, locale: str, currency: str) -> Rendered:
    """Render `template` with `values` in a customer's locale.

    `values` holds plain text, numbers, dates and mappings of them, nothing with methods of its own.
    Raises TemplateError when a value is missing or the template is broken.
    """
    placed: list[str] = []
    context = {**values, "locale": locale, "currency": currency, _VALUES: placed}
    name = f"{template.purpose}/{template.language}.md"
    try:
        front = template.front
        subject = _one_line(_compiled(root, front.subject).render(context), placed)
        preheader = _one_line(_compiled(root, front.preheader).render(context), placed)
        tokens = parse(_compiled(root, template.body).render(context))
        body = _fill_html(to_html(tokens), placed)
        text = to_text(tokens, lambda part: _fill(part, placed))
        html = _dressed(root, template.language, subject, preheader, body, str(values["company"]))
    except (JinjaError, ValueError) as error:
        raise TemplateError(name, str(error), "Correct the template or its values.") from error
    return Rendered(subject, preheader, text, html)


@lru_cache(maxsize=4)
def _environment(root: Path) -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(root / "email"),
        undefined=StrictUndefined,
        finalize=_place,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )
    environment.filters.update(money=_money, long_date=_long_date)
    return environment


@lru_cache(maxsize=256)
def _compiled(root: Path, source: str) -> JinjaTemplate:
    """Compile a template's text once: compiling costs far more than rendering."""
    return _environment(root).from_string(source)


@pass_context
def _place(context: Context, value: object) -> str:
    """Keep a printed value aside and print its placeholder."""
    placed: list[str] = context[_VALUES]
    text = _UNSAFE.sub(" ", str(value)).strip()
    placed.append(text if len(text) <= MAX_VALUE else text[: MAX_VALUE - 1] + "…")
    return f"zqv{len(placed) - 1:04d}vqz"


@pass_context
def _money(context: Context, amount: Decimal) -> str:
    return format_currency(amount, context["currency"], locale=_locale(context["locale"]))


@pass_context
def _long_date(context: Context, day: date) -> str:
    return format_date(day, "full", locale=_locale(context["locale"]))


@lru_cache(maxsize=64)
def _locale(name: str) -> Locale:
    """Return the locale, or that of its language when the country is unusual for it."""
    for candidate in (name, name.split("_", maxsplit=1)[0], "en"):
        try:
            return Locale.parse(candidate)
        except (UnknownLocaleError, ValueError):
            continue
    raise AssertionError("English is always known")


def _fill(text: str, placed: list[str]) -> str:
    return _PLACE.sub(lambda match: placed[int(match[1])], text)


def _one_line(text: str, placed: list[str]) -> str:
    return " ".join(_fill(text, placed).split())


def _fill_html(html: str, placed: list[str]) -> str:
    def link(match: re.Match[str]) -> str:
        if not match[1].startswith(_SCHEMES):
            raise ValueError(f"a link must begin with one of {', '.join(_SCHEMES)}")
        address = _PLACE.sub(lambda m: quote(placed[int(m[1])], safe="@+ "), match[1])
        return f'href="{html_escaping.escape(address).replace(" ", "")}"'

    linked = _HREF.sub(link, html)
    return _PLACE.sub(lambda match: html_escaping.escape(placed[int(match[1])]), linked)


def _dressed(
    root: Path, language: str, subject: str, preheader: str, body: str, company: str
) -> str:
    page = _layout(root).render(
        language=language,
        subject=subject,
        preheader=preheader,
        body=Markup(body),  # noqa: S704 - built by us, every value in it is escaped
        company=company,
    )
    return css_inline.CSSInliner(keep_style_tags=True, load_remote_stylesheets=False).inline(page)


@lru_cache(maxsize=4)
def _layout(root: Path) -> Any:
    environment = ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(root / "email"), undefined=StrictUndefined, autoescape=True
    )
    return environment.get_template("layout.html")
