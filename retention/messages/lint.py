"""What is wrong with a template: said before anybody is written to."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from retention.domain.errors import ConfigError, TemplateError
from retention.domain.messages import MessageClass
from retention.messages.rendering import render
from retention.messages.samples import PAGES_HOST, SAMPLES
from retention.messages.template_filters import Manner
from retention.messages.templates import Template, list_templates, load_template
from retention.messages.text_messages import list_texts, load_text, write_text

LANGUAGES = ("en", "es")
MAX_PREHEADER = 110
_PLAIN_LINK = re.compile(r"http://\S+")
_YEAR = re.compile(r"\b(20\d\d)(?:-(\d\d)-(\d\d))?\b")
_SELLS = re.compile(
    r"\boffer\.|\b(special offer|discount|upgrade|buy|sale|save \d|oferta|descuento|promoci.n|"
    r"rebaja|compre|ahorre)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with one template."""

    template: str
    what: str


def lint(root: Path, today: date, hosts: frozenset[str]) -> list[Finding]:
    """Return what is wrong with the templates of a folder; nothing is a good answer."""
    found: list[Finding] = []
    languages: dict[str, set[str]] = {}
    for purpose, language in list_templates(root):
        languages.setdefault(purpose, set()).add(language)
        name = f"{purpose}/{language}"
        try:
            template = load_template(root, purpose, language)
        except (TemplateError, ConfigError) as error:
            found.append(Finding(name, error.found))
            continue
        found += [Finding(name, what) for what in _wrong(root, template, today, hosts)]
    found += _wrong_texts(root, hosts, languages)
    for purpose, have in languages.items():
        missing = [language for language in LANGUAGES if language not in have]
        found += [Finding(purpose, f"there is no {language}.md") for language in missing]
    return found


def _wrong_texts(
    root: Path, hosts: frozenset[str], languages: dict[str, set[str]]
) -> Iterator[Finding]:
    """What is wrong with texts: each must be written for each sample, with its page and without."""
    for purpose, language in list_texts(root):
        name = f"text/{purpose}/{language}"
        languages.setdefault(f"text/{purpose}", set()).add(language)
        try:
            template = load_text(root, purpose, language)
            for sample in SAMPLES:
                country = sample.country.get(language, "GB")
                manner = Manner(f"{language}_{country}", "EUR", hosts | {PAGES_HOST})
                for pages in (False, True):
                    write_text(root, template, sample.values(pages=pages), manner)
        except (TemplateError, ConfigError) as error:
            yield Finding(name, error.found)


def _wrong(root: Path, template: Template, today: date, hosts: frozenset[str]) -> Iterator[str]:
    source = f"{template.front.subject}\n{template.front.preheader}\n{template.body}"
    for link in _PLAIN_LINK.findall(source):
        yield f"the link {link} is not https"
    for match in _YEAR.finditer(source):
        if _is_past(match, today):
            yield f"it names {match[0]}, which is past"
    yield from _wrong_class(template, source)
    yield from _unrenderable(root, template, hosts)


def _wrong_class(template: Template, source: str) -> Iterator[str]:
    front = template.front
    legal = front.message_class is MessageClass.LEGAL_NOTICE
    sells = _SELLS.search(source)
    if legal and (front.offers or sells):
        yield f"a legal notice offers nothing ('{sells[0] if sells else 'offers: true'}')"
    service = front.message_class is MessageClass.SERVICE
    if service and front.offers and "offer." not in source:
        yield "what is not about the customer's own contract is commercial"
    if front.message_class is not MessageClass.COMMERCIAL:
        return
    for needed in ("news.", "_parts/"):
        if needed not in template.body:
            yield "what is commercial says how to stop it: include _parts/news"
            return


def _unrenderable(root: Path, template: Template, hosts: frozenset[str]) -> Iterator[str]:
    for sample in SAMPLES:
        country = sample.country.get(template.language, "GB")
        manner = Manner(f"{template.language}_{country}", "EUR", hosts | {PAGES_HOST})
        try:
            made = render(root, template, sample.values(), manner)
            render(root, template, sample.values(pages=True), manner)
        except TemplateError as error:
            yield f"with the sample '{sample.name}': {error.found}"
            return
        if sample.name == "short" and len(made.preheader) > MAX_PREHEADER:
            yield f"its preheader has {len(made.preheader)} characters, {MAX_PREHEADER} are shown"


def _is_past(match: re.Match[str], today: date) -> bool:
    year, month, day = match.groups()
    if month is None:
        return int(year) < today.year
    try:
        return date(int(year), int(month), int(day)) < today
    except ValueError:
        return True
