"""What services refuse, and say of a message or an item, in the reader's language.

Services speak English, with names and figures in their sentences. A catalogue of its own says each
sentence in another language, with `{}` where something stands; what it does not know is shown as it
is, and a test says which are missing.
"""

import re
from functools import lru_cache
from pathlib import Path

from babel.messages.pofile import read_po

from retention.domain.errors import RetentionError
from retention.web.console.words import CODES, word_of
from retention.web.wording import Wording

CATALOGUES = Path("web") / "locale" / "refusals"
_HOLE = "{}"
_CODE = re.compile(r"[a-z]+(_[a-z]+)*")

Sentence = tuple[re.Pattern[str], str]


def told(templates: Path, words: Wording, error: RetentionError) -> tuple[str, str]:
    """Return what was found where, and the remedy, as two sentences of the reader's language.

    Of a path only its end is told: a page never says where the program lives.
    """
    is_path = error.where.startswith("/")
    place = Path(error.where).name if is_path else error.where
    where, found, remedy = (
        _in_words(templates, words, said) for said in (place, error.found, error.remedy)
    )
    first = where[:1] if is_path else where[:1].upper()
    return f"{first}{where[1:]}: {found}.", remedy


def in_words(templates: Path, words: Wording, said: str | None) -> str:
    """Return what a service says of a message or an item: sentences, codes, a code and more."""
    return "; ".join(_part_in_words(templates, words, part) for part in (said or "").split("; "))


def _part_in_words(templates: Path, words: Wording, said: str) -> str:
    code, colon, rest = said.partition(": ")
    if not _CODE.fullmatch(code) or not (colon or code in CODES):
        return _in_words(templates, words, said)
    name = word_of(words, code) if code in CODES else code  # of a table, as the sources call it
    return f"{name}{colon}{_part_in_words(templates, words, rest)}"


def _in_words(templates: Path, words: Wording, said: str) -> str:
    for pattern, other in _sentences(templates, words.language):
        match = pattern.fullmatch(said)
        if match is not None:
            return other.format(*(_filled(templates, words, part) for part in match.groups()))
    return said


def _filled(templates: Path, words: Wording, part: str) -> str:
    """A code becomes its word, a sentence within a sentence is told too; names stay."""
    for spelled in (part, part.replace(" ", "_")):
        other = _in_words(templates, words, spelled)
        if other != spelled:
            return other
    codes = part.split(", ")
    if all(_CODE.fullmatch(code) for code in codes) and not CODES.keys().isdisjoint(codes):
        return ", ".join(word_of(words, code) for code in codes)
    return words.say(part)


@lru_cache(maxsize=8)
def _sentences(templates: Path, language: str) -> tuple[Sentence, ...]:
    """Return a language's sentences; those that say most come first."""
    path = templates / CATALOGUES / f"{language}.po"
    if not path.exists():
        return ()
    with path.open("rb") as file:
        found = {str(m.id): str(m.string) for m in read_po(file, locale=language) if m.id}
    by_weight = sorted(found, key=lambda said: -len(said.replace(_HOLE, "")))
    return tuple((_pattern(said), found[said]) for said in by_weight)


def _pattern(said: str) -> re.Pattern[str]:
    return re.compile("(.+?)".join(re.escape(part) for part in said.split(_HOLE)), re.DOTALL)
