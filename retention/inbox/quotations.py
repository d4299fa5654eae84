"""What of a letter is a quotation: first what we wrote ourselves, then what mail programs mark.

Nothing is removed: whoever shows a letter folds what is quoted. Lines that begin with `>` or with
`From:` are a customer's own words unless they belong to a quotation that is known as one.
"""

import re
from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

_RUN = 4
_MOST = 0.75
_WORD = re.compile(r"[^\W_]+")
_MARK = re.compile(r"^[\s>|]*")
_INTRO = re.compile(
    r"(wrote|escribió|escribi.|schrieb|a écrit|ha scritto):?\s*$|"
    r"^-{2,} ?(original message|mensaje original|forwarded message|mensaje reenviado|"
    r"ursprüngliche nachricht|message d'origine) ?-{2,}",
    re.IGNORECASE,
)
_BEGINS = re.compile(r"(on|el|am|le|il)\b", re.IGNORECASE)
_LINE_OF_HEAD = re.compile(
    r"^\W*(from|sent|date|to|cc|subject|de|enviado( el)?|fecha|para|asunto|von|gesendet|an|betreff)"
    r"\W{0,3}:",
    re.IGNORECASE,
)
_LONGEST_INTRO = 3
_HEADS = 2


class Segment(NamedTuple):
    """Lines that belong together: somebody's own, or quoted."""

    text: str
    quoted: bool


def segments(text: str, ours: str = "") -> list[Segment]:
    """Return a letter in order, in segments; together they are every line of it.

    `ours` is the message that it answers.
    """
    lines = text.split("\n")
    quoted = _quoted_lines(lines, ours)
    return [
        Segment("\n".join(lines[place] for place, _ in group), is_quoted)
        for is_quoted, group in groupby(enumerate(quoted), key=lambda pair: pair[1])
    ]


def own_words(text: str, ours: str = "") -> str:
    """Return the lines that are not quoted."""
    return "\n".join(part.text for part in segments(text, ours) if not part.quoted).strip()


def not_ours(text: str, ours: str) -> str:
    """Return the lines that do not stand in the message that the letter answers, quoted or not."""
    lines = text.split("\n")
    marked = zip(lines, _are_ours(lines, ours), strict=True)
    return "\n".join(line for line, is_ours in marked if not is_ours)


def _quoted_lines(lines: list[str], ours: str) -> list[bool]:
    found = _are_ours(lines, ours)
    heads = [start for start, _ in _heads(lines)]
    intros = [start for start, end in _intros(lines) if _leads(lines, found, end)]
    if not ours:
        # Without our message only what mail programs write before a quotation tells one.
        begins = min([*heads, *intros], default=len(lines))
        found = [mark or place >= begins for place, mark in enumerate(found)]
    for start, end in [*_heads(lines), *_intros(lines)]:
        if _leads(lines, found, end):
            until = _marked_until(lines, end)
            found[start:until] = [True] * (until - start)
    return _without_gaps(lines, found)


def _marked_until(lines: list[str], start: int) -> int:
    """Return where the lines end that are marked with `>`, as they follow what leads to them."""
    end = start
    for place in range(start, len(lines)):
        if lines[place].lstrip().startswith(">"):
            end = place + 1
        elif lines[place].strip():
            break
    return end


def _leads(lines: list[str], quoted: list[bool], end: int) -> bool:
    """Tell whether the next line that says anything is quoted, or is marked as quoted."""
    for place in range(end, len(lines)):
        if lines[place].strip(" \t>|"):
            return quoted[place] or lines[place].lstrip().startswith(">")
    return False


def _are_ours(lines: list[str], ours: str) -> list[bool]:
    """Mark the lines of which most words stand in ours in the same order, four at a time."""
    known = _runs(_words(ours))
    theirs = [(place, word) for place, line in enumerate(lines) for word in _words(line)]
    covered = [False] * len(theirs)
    words = [word for _, word in theirs]
    for start in range(len(words) - _RUN + 1):
        if tuple(words[start : start + _RUN]) in known:
            covered[start : start + _RUN] = [True] * _RUN
    total, hit = [0] * len(lines), [0] * len(lines)
    for (place, _), is_covered in zip(theirs, covered, strict=True):
        total[place] += 1
        hit[place] += is_covered
    return [t > 0 and h / t >= _MOST for t, h in zip(total, hit, strict=True)]


def _runs(words: list[str]) -> set[tuple[str, ...]]:
    return {tuple(words[start : start + _RUN]) for start in range(len(words) - _RUN + 1)}


def _words(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(text)]


def _intros(lines: list[str]) -> Iterator[tuple[int, int]]:
    """Yield where 'On ... somebody wrote:' stands, also over several lines."""
    for end, line in enumerate(lines):
        if not _INTRO.search(_MARK.sub("", line)):
            continue
        begins = (
            start
            for start in range(end, max(end - _LONGEST_INTRO, -1), -1)
            if _BEGINS.match(_MARK.sub("", lines[start]))
        )
        yield next(begins, end), end + 1


def _heads(lines: list[str]) -> Iterator[tuple[int, int]]:
    """Yield where the headers of a quoted message stand: at least two, the first a sender."""
    place = 0
    while place < len(lines):
        end = place
        while end < len(lines) and _LINE_OF_HEAD.match(lines[end]):
            end += 1
        first = _LINE_OF_HEAD.match(lines[place])
        if end - place >= _HEADS and first and first[1].lower() in ("from", "de", "von"):
            yield place, end
        place = max(end, place + 1)


def _without_gaps(lines: list[str], quoted: list[bool]) -> list[bool]:
    """Let blank lines, rulers and bare marks between quoted lines, or after them, be quoted too."""
    found = list(quoted)
    for place, line in enumerate(lines):
        bare = bool(line.strip()) and not line.strip("> \t") and any(quoted)
        if bare or (place > 0 and found[place - 1] and not _words(line)):
            found[place] = True
    return found
