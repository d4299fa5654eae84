"""Texts for telephones: a template of their own, no layout, and a number instead of an address."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import phonenumbers
from pydantic import Field

from retention.domain.customer_pages import PagePurpose
from retention.domain.errors import TemplateError
from retention.domain.gateways import MOST_LETTERS
from retention.domain.messages import MessageClass, SendPolicy
from retention.messages.rendering import Values, render_part
from retention.messages.template_filters import Manner
from retention.messages.templates import FALLBACK_LANGUAGE
from retention.yaml_files import PolicyModel, parse_policy

_FRONT = re.compile(r"\A---\n(.*?)\n---\n(.*)\Z", re.DOTALL)
_NAME = re.compile(r"^[a-z][a-z0-9_]*$")
_LINK = re.compile(r"https?://\S+")


class TextMatter(PolicyModel):
    """The head of a text's template. No legal notice is ever a text."""

    message_class: Literal[MessageClass.COMMERCIAL, MessageClass.SERVICE] = Field(alias="class")
    policy: SendPolicy
    page: PagePurpose | None = None
    topic: Literal["guides", "surveys", "offers"] | None = None


@dataclass(frozen=True, slots=True)
class TextTemplate:
    """One purpose in one language."""

    purpose: str
    language: str
    front: TextMatter
    body: str


def load_text(root: Path, purpose: str, language: str | None) -> TextTemplate:
    """Return the template of a text in `language`, or in English. Raises TemplateError."""
    for candidate in dict.fromkeys((language or FALLBACK_LANGUAGE, FALLBACK_LANGUAGE)):
        path = root / "text" / purpose / f"{candidate}.md"
        if _NAME.match(purpose) and path.is_file():
            parts = _FRONT.match(path.read_text("utf-8"))
            if parts is None:
                raise TemplateError(
                    f"text/{purpose}/{candidate}.md", "has no front matter", "Begin it with '---'."
                )
            front = parse_policy(parts[1], TextMatter, f"text/{purpose}/{candidate}.md")
            return TextTemplate(purpose, candidate, front, parts[2].strip())
    raise TemplateError(
        f"text '{purpose}'", "has no template", f"Add templates/text/{purpose}/en.md."
    )


def list_texts(root: Path) -> list[tuple[str, str]]:
    """Return every (purpose, language) of a text that has a file, sorted."""
    files = (root / "text").glob("[a-z]*/*.md")
    return sorted((file.parent.name, file.stem) for file in files)


def write_text(root: Path, template: TextTemplate, values: Values, manner: Manner) -> str:
    """Return a text, filled in, on one line. Raises TemplateError for one that is too long.

    A link counts as little as it will be: what stands for its token is as long as the token.
    """
    text = " ".join(render_part(root, template.body, values, manner).split())
    if len(_LINK.sub("", text)) > MOST_LETTERS or len(text) > 2 * MOST_LETTERS:
        raise TemplateError(
            f"text/{template.purpose}/{template.language}.md",
            f"has {len(text)} letters with this customer's values",
            f"At most {MOST_LETTERS} without its link.",
        )
    return text


def usable_number(phone: str | None, country: str | None) -> str | None:
    """Return a telephone number as the whole world writes it (E.164), or None."""
    if not phone:
        return None
    try:
        found = phonenumbers.parse(phone, country)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(found):
        return None
    return str(phonenumbers.format_number(found, phonenumbers.PhoneNumberFormat.E164))


def require_number(row: dict[str, Any]) -> str:
    """Return a customer's number. Raises TemplateError for who has none that can be used."""
    found = usable_number(row.get("phone"), row.get("country"))
    if found is None:
        raise TemplateError("a text", "has no usable telephone number", "Correct the number.")
    return found
