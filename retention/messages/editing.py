"""The free parts of a template: what a person may write anew, and nothing else.

A part stands between `{# free: NAME #}` and `{# end #}`. What is typed is Markdown: no template
language, no address of another host, no figures that the rest of the message would contradict.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from unicodedata import category

from retention.domain.errors import TemplateError
from retention.messages.markdown import parse
from retention.messages.templates import Template

MOST = 1500
"""Characters of one part."""

_PART = re.compile(r"\{# free: ([a-z_]+) #\}\n?(.*?)\{# end #\}\n?", re.DOTALL)
_LANGUAGE = ("{{", "{%", "{#", "}}", "%}", "#}")
_PLACES = re.compile(r"zq[vx]", re.IGNORECASE)
_ADDRESS = re.compile(r"://|www\.|@|\b[\w-]+\.(?:com|es|net|org|eu|io|info)\b", re.IGNORECASE)
_FIGURE = re.compile(r"\d+")
_BLOCKS = frozenset({"paragraph_open", "paragraph_close", "inline"})
_UNSEEN = frozenset({"Cc", "Cf", "Co", "Cs", "Cn"})


def free_names(template: Template) -> list[str]:
    """Return the names of a template's free parts, in their order."""
    return [match[1] for match in _PART.finditer(template.body)]


def source_of(template: Template, name: str) -> str:
    """Return a free part as its author wrote it, template language and all."""
    found = next((m[2] for m in _PART.finditer(template.body) if m[1] == name), None)
    if found is None:
        raise TemplateError(f"part '{name}'", "is none of this template", "Look again.")
    return found.strip()


def check_typed(name: str, typed: str, before: str | None = None) -> str:
    """Return what was typed for a part, as it will stand. Raises TemplateError.

    What counts is what Markdown makes of it: sentences only, no headings, lists or links, nothing
    that mail programs make a link of, and no figure that did not stand there `before`.
    """
    where = f"the part '{name}'"
    text = "\n".join(line.rstrip() for line in typed.replace("\r\n", "\n").strip().split("\n"))
    if not text:
        raise TemplateError(where, "is empty", "Write a sentence, or leave it as it was.")
    if len(text) > MOST:
        raise TemplateError(where, f"has {len(text)} characters", f"Use at most {MOST}.")
    try:
        tokens = parse(text)
    except ValueError as error:
        raise TemplateError(where, str(error), "Write sentences.") from error
    if {token.type for token in tokens} - _BLOCKS:
        raise TemplateError(where, "has a heading or a list", "Write sentences.")
    children = [child for token in tokens for child in token.children or ()]
    shown = "".join(child.content for child in children)
    if any(child.type == "link_open" for child in children) or _ADDRESS.search(shown):
        raise TemplateError(where, "has an address in it", "Leave links and addresses out.")
    if any(sign in words for sign in _LANGUAGE for words in (text, shown)) or any(
        _PLACES.search(words) for words in (text, shown)
    ):
        raise TemplateError(where, "holds signs of templates", "Write plain text.")
    if any(category(letter) in _UNSEEN for letter in shown if letter != "\n"):
        raise TemplateError(where, "has letters that nobody sees", "Type it anew.")
    new = set(_FIGURE.findall(shown)) - set(_FIGURE.findall(before or ""))
    if before is not None and new:
        raise TemplateError(where, f"names the figure {min(new)}", "Figures are locked.")
    return text


def with_edits(template: Template, edits: Mapping[str, str] | None) -> Template:
    """Return the template with the parts that were written anew. Raises TemplateError."""
    if not edits:
        return template
    unknown = sorted(set(edits) - set(free_names(template)))
    if unknown:
        raise TemplateError(f"part '{unknown[0]}'", "is not free", "Only free parts are edited.")

    def part(match: re.Match[str]) -> str:
        if match[1] not in edits:
            return match[0]
        return "{% raw %}" + check_typed(match[1], edits[match[1]]) + "\n{% endraw %}\n"

    return replace(template, body=_PART.sub(part, template.body))
