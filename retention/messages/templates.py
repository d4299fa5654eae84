"""The template files: `email/<purpose>/<language>.md`; their front matter says how to send."""

import re
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field

from retention.domain.customer_pages import PagePurpose
from retention.domain.errors import TemplateError
from retention.domain.messages import MessageClass, SendPolicy, TeamClass
from retention.yaml_files import PolicyModel, parse_policy

FALLBACK_LANGUAGE = "en"
MAX_TEMPLATE_BYTES = 64 * 1024
_FRONT = re.compile(r"\A---\n(.*?)\n---\n(.*)\Z", re.DOTALL)
_LANGUAGE = re.compile(r"^[a-z]{2}$")
_PURPOSE = re.compile(r"^[a-z][a-z0-9_]*$")


class CalendarMatter(PolicyModel):
    """What stands in a calendar for the call that a message is about."""

    title: str = Field(min_length=1)
    note: str = Field(min_length=1)


class AnswerMatter(PolicyModel):
    """What a button opens: a message to us, whose writer only completes it."""

    subject: str = Field(min_length=1)
    body: str = ""


class FrontMatter(PolicyModel):
    """The head of a template file.

    `pdf` attaches the message as a letter too; `offers` is for messages that sell or propose, which
    a legal notice never does. A button leads to one of `answers`: `{{ answer.NAME }}`, or to the
    `page` on which its reader answers: `{{ page.answer }}`. `topic` is what they can switch off.
    """

    subject: str = Field(min_length=1)
    preheader: str = Field(min_length=1)
    message_class: MessageClass | TeamClass = Field(alias="class")
    policy: SendPolicy
    pdf: bool = False
    offers: bool = False
    calendar: CalendarMatter | None = None
    answers: dict[str, AnswerMatter] = Field(default_factory=dict)
    page: PagePurpose | None = None
    topic: Literal["guides", "surveys", "offers"] | None = None


@dataclass(frozen=True, slots=True)
class Template:
    """One purpose in one language."""

    purpose: str
    language: str
    front: FrontMatter
    body: str

    @property
    def customer_class(self) -> MessageClass:
        """The class of a message to a customer. Raises TemplateError for one to our own people."""
        found = self.front.message_class
        if isinstance(found, TeamClass):
            raise TemplateError(
                f"template '{self.purpose}'", "is for our own people", "Choose another template."
            )
        return found


def load_template(root: Path, purpose: str, language: str | None) -> Template:
    """Return the template in `language`, or in English when there is none.

    Raises TemplateError when the purpose has no template or the file is broken.
    """
    if not _PURPOSE.match(purpose):
        raise TemplateError(f"template '{purpose}'", "is no template name", "Use a-z, 0-9 and _.")
    wanted = language if language and _LANGUAGE.match(language) else FALLBACK_LANGUAGE
    for candidate in dict.fromkeys((wanted, FALLBACK_LANGUAGE)):
        path = root / "email" / purpose / f"{candidate}.md"
        with suppress(FileNotFoundError, NotADirectoryError):
            stat = path.stat()
            return _read(path, purpose, candidate, stat.st_mtime_ns, stat.st_size)
    raise TemplateError(
        f"template '{purpose}'",
        f"there is no {wanted}.md or {FALLBACK_LANGUAGE}.md",
        f"Add one under templates/email/{purpose}/.",
    )


def list_templates(root: Path) -> list[tuple[str, str]]:
    """Return every (purpose, language) that has a file, sorted."""
    files = (root / "email").glob("[a-z]*/*.md")
    return sorted((file.parent.name, file.stem) for file in files)


@lru_cache(maxsize=256)
def _read(path: Path, purpose: str, language: str, changed_at: int, size: int) -> Template:  # noqa: ARG001
    """Read a template file; one that has changed is read anew."""
    name = f"{purpose}/{path.name}"
    if size > MAX_TEMPLATE_BYTES:
        raise TemplateError(name, f"is larger than {MAX_TEMPLATE_BYTES} bytes", "Shorten it.")
    parts = _FRONT.match(path.read_text(encoding="utf-8"))
    if parts is None:
        raise TemplateError(name, "has no front matter", "Begin the file with '---' lines.")
    return Template(purpose, language, parse_policy(parts[1], FrontMatter, name), parts[2])
