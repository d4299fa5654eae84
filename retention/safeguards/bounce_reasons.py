"""What servers mean by what they write: enhanced status codes (RFC 3463), and words.

Codes and words are two witnesses: an address is given up only when neither contradicts. What speaks
of the sender (our address, our server, how much or how fast we send, a policy) is never about the
recipient. What cannot be understood is soft: an address is given up only on evidence.
"""

import re
from dataclasses import dataclass
from enum import Enum
from functools import cache
from importlib.resources import files

import yaml

_ENHANCED = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
_BASIC = re.compile(r"(?<![\d.])([45])\d\d[ -]")
Code = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Meaning:
    """Whether an address is wrong for good, with the code and the reason that say so."""

    hard: bool
    code: str | None
    reason: str


class Says(Enum):
    """What a witness says of the address."""

    GONE, LIVES, NOTHING = "gone", "lives", "nothing"


# (subject, detail) of an enhanced code: what it says of the address, and why.
_CODES: dict[tuple[int, int], tuple[Says, str]] = {
    (1, 1): (Says.GONE, "there is no such mailbox"),
    (1, 2): (Says.GONE, "there is no such domain"),
    (1, 3): (Says.GONE, "the address is not valid"),
    (1, 4): (Says.GONE, "the address is ambiguous"),
    (1, 6): (Says.GONE, "the mailbox has moved"),
    (1, 10): (Says.GONE, "the domain takes no mail"),
    (1, 7): (Says.LIVES, "they will not have our address"),
    (1, 8): (Says.LIVES, "they will not have our address"),
    (1, 20): (Says.LIVES, "they will not have our address"),
    (1, 90): (Says.LIVES, "we have reached a limit of theirs"),
    (2, 2): (Says.LIVES, "the mailbox is full"),
    (2, 3): (Says.LIVES, "the message is too large"),
    (3, 4): (Says.LIVES, "the message is too large"),
    (4, 7): (Says.LIVES, "it could not be delivered in time"),
    (4, 4): (Says.GONE, "there is no way to the domain"),
}
# Where a code has no line of its own. What a policy refuses, and x.0, leave it to the words.
_SUBJECTS: dict[int, tuple[Says, str]] = {
    3: (Says.LIVES, "their mail system refuses it"),
    4: (Says.NOTHING, "their server could not be reached"),
    5: (Says.NOTHING, "their server did not understand ours"),
    6: (Says.LIVES, "they cannot read the message's form"),
    7: (Says.NOTHING, "their policy refuses it"),
}
_GENERAL = frozenset({(3, 0)})
_POLICIES = frozenset({(7, 0), (7, 1)})
_FAILURES = (4, 5)
_FEW = 3


def meaning_of(status: str, said: str) -> Meaning:
    """Return what a failure means: `status` is the machine-readable part, `said` the words."""
    codes = [_numbers(match) for text in (status, said) for match in _ENHANCED.finditer(text)]
    codes = list(dict.fromkeys(code for code in codes if code[0] in _FAILURES))
    words = _of_words(f"{status} {said}")
    if words is None:
        return _by_codes(codes, said)
    shown = _shown(codes[0]) if codes else None
    if words[0] is Says.LIVES:
        return Meaning(hard=False, code=shown, reason=words[1])
    return _against(codes) or Meaning(hard=True, code=shown, reason=words[1])


def _by_codes(codes: list[Code], said: str) -> Meaning:
    """No words are known: a code is believed unless another one speaks of a policy."""
    refused = [code for code in codes if code[1:] in _POLICIES]
    gone = [code for code in codes if _of_code(code)[0] is Says.GONE]
    found = _against(codes)
    if found is None and gone and not refused:
        return Meaning(hard=True, code=_shown(gone[0]), reason=_of_code(gone[0])[1])
    if found is None and codes:
        code = (refused or codes)[0]
        return Meaning(hard=False, code=_shown(code), reason=_of_code(code)[1])
    later = "it failed for now" if _says_later(said) else "no reason that we know is given"
    return found or Meaning(hard=False, code=None, reason=later)


def _against(codes: list[Code]) -> Meaning | None:
    """Return what the code means that says that the address lives, or that it failed for now."""
    for code in codes:
        says, why = _of_code(code)
        if says is Says.LIVES:
            return Meaning(hard=False, code=_shown(code), reason=why)
    if any(code[0] == _FAILURES[0] for code in codes):
        return Meaning(hard=False, code=_shown(codes[0]), reason="it failed for now")
    return None


def _of_code(code: Code) -> tuple[Says, str]:
    general = Says.NOTHING, f"status {_shown(code)}"
    if code[1:] in _GENERAL:
        return general
    return _CODES.get(code[1:], _SUBJECTS.get(code[1], general))


def _of_words(text: str) -> tuple[Says, str] | None:
    """Return what the first words that are known say; what is said of us or of a message first."""
    for says, why, words in _words():
        found = words.search(text)
        if found:
            return says, f"{why} ('{_excerpt(found[0])}')"
    return None


@cache
def _words() -> tuple[tuple[Says, str, re.Pattern[str]], ...]:
    text = (files("retention.safeguards") / "bounce_words.yaml").read_text("utf-8")
    return tuple(
        (Says(part["says"]), part["why"], re.compile("|".join(part["words"]), re.IGNORECASE))
        for part in yaml.safe_load(text)
    )


def _excerpt(found: str) -> str:
    """Return the words that told, without the names and addresses among them."""
    words = [word for word in found.lower().split() if "@" not in word]
    return " ".join(words if len(words) <= _FEW else [words[0], "…", *words[-2:]])[:60] or "…"


def _numbers(match: re.Match[str]) -> Code:
    return int(match[1]), int(match[2]), int(match[3])


def _shown(code: Code) -> str:
    return ".".join(str(part) for part in code)


def _says_later(said: str) -> bool:
    found = _BASIC.search(said)
    return found is not None and found[1] == "4"
