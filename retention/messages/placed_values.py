"""Put values into what was rendered: each once, escaped for the part that it is in."""

import html as html_escaping
import re
import unicodedata
from collections.abc import Mapping
from urllib.parse import quote, urlsplit

OUTER, OUTER_NAMES = "zqx{}xqz", ("subject", "preheader", "company")
"""The places of a page's own values, and their names."""

_TARGET = re.compile(r"(\S*): (?:mailto:([^\s?]*[^\s?.,;:)])(?:\?\S*[^\s.,;:)])?|tel:\+?\d*)")
_PLACE = re.compile(r"zqv(\d{4})vqz")
_ANY = re.compile(r'href="([^"]*)"|zqv(\d{4})vqz|zqx(subject|preheader|company)xqz')
_UNSEEN = frozenset({"Cc", "Cf", "Co", "Cs", "Cn"})
_SCHEMES = ("mailto:", "tel:", "https://")
_ON_THIS_MACHINE = ("http://127.0.0.1", "http://localhost")


def fill(text: str, placed: list[str]) -> str:
    """Return a text with its values, as they are."""
    return _PLACE.sub(lambda match: placed[int(match[1])], text)


def typed(text: str) -> str:
    """Write the target of a link the way people type it: an address, once."""
    if ": mailto:" not in text and ": tel:" not in text:
        return text

    def once(match: re.Match[str]) -> str:
        label, address = match[1], match[2]
        known = address is None or label.casefold() == address.casefold()
        return label if known else f"{label}: {address}"

    return _TARGET.sub(once, text)


def one_line(text: str, placed: list[str]) -> str:
    """A header's text: letters that nobody sees, or that turn the others round, are left out."""
    line = " ".join(fill(text, placed).split())
    return "".join(letter for letter in line if unicodedata.category(letter) not in _UNSEEN)


def fill_html(html: str, placed: list[str], outer: Mapping[str, str], hosts: frozenset[str]) -> str:
    """Put values in, each once: what looks like a place inside a value stays as it is.

    Raises ValueError for a link that leads elsewhere than to `hosts`, a mailbox or a telephone.
    """

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


def _require_own_host(address: str, hosts: frozenset[str]) -> None:
    """A link leads to a host of ours, spelt out in the template or the settings, or nowhere."""
    parts = urlsplit(address)
    if parts.username is not None or not (parts.hostname or "").isascii():
        raise ValueError(f"'{parts.netloc}' is no plain host name")
    if parts.hostname not in hosts:
        raise ValueError(f"'{parts.hostname}' is not among the hosts of sending.yaml")
