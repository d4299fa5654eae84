"""What servers mean by what they write: enhanced status codes (RFC 3463), and words for the rest.

A code that says something is believed before the words, and the words before a code that says
nothing (x.0.0 and the like). What cannot be understood is soft: an address is given up only on
evidence.
"""

import re
from dataclasses import dataclass

_ENHANCED = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
_BASIC = re.compile(r"(?<![\d.])([45])\d\d[ -]")


@dataclass(frozen=True, slots=True)
class Meaning:
    """Whether an address is wrong for good, with the code and the reason that say so."""

    hard: bool
    code: str | None
    reason: str


# (subject, detail) of an enhanced code: what it says, and whether it is about the address.
_CODES: dict[tuple[int, int], tuple[bool, str]] = {
    (1, 0): (True, "the address is refused"),
    (1, 1): (True, "there is no such mailbox"),
    (1, 2): (True, "there is no such domain"),
    (1, 3): (True, "the address is not valid"),
    (1, 4): (True, "the address is ambiguous"),
    (1, 6): (True, "the mailbox has moved"),
    (1, 10): (True, "the domain takes no mail"),
    (2, 1): (True, "the mailbox is disabled"),
    (2, 2): (False, "the mailbox is full"),
    (2, 3): (False, "the message is too large"),
    (3, 4): (False, "the message is too large"),
    (4, 1): (False, "their server does not answer"),
    (4, 2): (False, "the connection was bad"),
    (4, 3): (False, "the domain could not be looked up"),
    (4, 4): (True, "there is no way to the domain"),
    (4, 6): (False, "the mail went round in circles"),
    (4, 7): (False, "it could not be delivered in time"),
    (7, 1): (False, "their policy refuses it"),
}
_FAILURES = (4, 5)
_FEW = 3
_SAYS_NOTHING = frozenset({(0, 0), (2, 0), (3, 0), (4, 0), (5, 0)})

_FULL, _LARGE = "the mailbox is full", "the message is too large"
_POLICY, _NOBODY = "their policy refuses it", "there is no such mailbox"
_NOWHERE, _LATE = "there is no such domain", "it could not be delivered in time"

_WHO = "(user|recipient|address|addressee|mailbox|account)( name)?"
_IS_GONE = (
    "(unknown|not (found|listed|known|recogni[sz]ed|active|valid)|inactive|invalid|"
    "does(n.t| not) exist|no longer|unavailable|disabled)"
)
# In this order: what is said of a message before what is said of an address, and loose words last.
_WORDS: tuple[tuple[bool, str, tuple[str, ...]], ...] = (
    (
        False,
        _FULL,
        (
            r"quota", r"(mailbox|mail ?folder|inbox) (is )?full", r"over ?limit", r"disk full",
            r"exceeded storage", r"insufficient (disk|storage)", r"space not enough", r"lleno",
        ),
    ),
    (False, _LARGE, (r"too (large|big)\b", r"message size", r"size limit")),
    (
        False,
        _POLICY,
        (r"\bspam", r"black ?list", r"blocklist", r"policy", r"reputation", r"virus\b"),
    ),
    (
        True,
        _NOWHERE,
        (
            r"(host|domain)( \S+)?( name)? (not found|unknown|does not exist)", r"bad domain",
            r"(unknown|no such) (host|domain)\b", r"name service error", r"host unknown",
        ),
    ),
    (
        True,
        _NOBODY,
        (
            r"unknown (local )?(user|recipient|address|mailbox)",
            rf"{_WHO}( \S+){{0,3}}? (is )?{_IS_GONE}",
            r"no (such|valid) (user|mailbox|recipient|address|person|account)",
            r"not a (valid|known) (user|mailbox|recipient|address)",
            r"invalid (recipient|user|address|mailbox|final)",
            r"bad (destination )?(mailbox|address)", r"unrouteable (mail )?address",
            r"doesn.t have (an? )?\S+ account", r"not have a final email", r"not listed in",
            r"no matches to nameserver query", r"not exactly match", r"n.existe pas",
            r"usuario desconocido", r"no existe", r"utilisateur inconnu", r"unbekannt",
        ),
    ),
    (
        False,
        _POLICY,
        (
            r"not authori[sz]ed", r"access denied", r"relay(ing)? (access )?denied",
            r"unable to relay", r"not accepting", r"refused to accept", r"not a member",
            r"prohibited", r"not permitted", r"scann(ing|ed)", r"message (was )?rejected",
        ),
    ),
    (
        False,
        _LATE,
        (
            r"time[ds]? ?out", r"temporar", r"try(ing)? again", r"retr(y|ies)\b", r"expired",
            r"too many hops", r"hop count", r"loop", r"connection (refused|reset|closed|lost)",
            r"busy", r"unreachable", r"not reachable", r"no answer", r"delay", r"several days",
            r"failed \d+ attempts", r"maximum delivery attempts", r"aborted after",
            r"not been collected", r"could not be contacted",
        ),
    ),
)  # fmt: skip
_COMPILED = tuple(
    (hard, why, re.compile("|".join(words), re.IGNORECASE)) for hard, why, words in _WORDS
)


def meaning_of(status: str, said: str) -> Meaning:
    """Return what a failure means: `status` is the machine-readable part, `said` the words."""
    codes = [_numbers(match) for text in (status, said) for match in _ENHANCED.finditer(text)]
    codes = [code for code in codes if code[0] in _FAILURES]
    for code in codes:
        if code[1:] not in _SAYS_NOTHING:
            return _by_code(code)
    shown = _shown(codes[0]) if codes else None
    for hard, why, words in _COMPILED:
        found = words.search(f"{status} {said}")
        if found:
            return Meaning(hard, shown, f"{why} ('{_excerpt(found[0])}')")
    if any(code[0] == _FAILURES[0] for code in codes) or _says_later(said):
        return Meaning(hard=False, code=shown, reason="it failed for now")
    return Meaning(hard=False, code=shown, reason="no reason that we know is given")


def _excerpt(found: str) -> str:
    """Return the words that told, without the names and addresses among them."""
    words = [word for word in found.lower().split() if "@" not in word]
    return " ".join(words if len(words) <= _FEW else [words[0], "…", *words[-2:]])[:60] or "…"


def _by_code(code: tuple[int, int, int]) -> Meaning:
    hard, why = _CODES.get(code[1:], (code[1] == 1, f"status {_shown(code)}"))
    return Meaning(hard and code[0] == 5, _shown(code), why)  # noqa: PLR2004 - permanent


def _numbers(match: re.Match[str]) -> tuple[int, int, int]:
    return int(match[1]), int(match[2]), int(match[3])


def _shown(code: tuple[int, int, int]) -> str:
    return ".".join(str(part) for part in code)


def _says_later(said: str) -> bool:
    found = _BASIC.search(said)
    return found is not None and found[1] == "4"
