"""Amounts as people type them, in English or Spanish."""

import re
from decimal import Decimal

_CURRENCY = re.compile(r"€|EUR", re.IGNORECASE)
_PLAIN = re.compile(r"([0-9]{1,9})(?:[.,]([0-9]{1,2}))?")
_GROUPED = re.compile(
    r"([0-9]{1,3}(?:\.[0-9]{3})+),([0-9]{1,2})|([0-9]{1,3}(?:,[0-9]{3})+)\.([0-9]{1,2})"
)
_MILLIONS = re.compile(r"[0-9]{1,3}(?:(?:\.[0-9]{3}){2}|(?:,[0-9]{3}){2})")


def read_amount(text: str) -> Decimal | None:
    """Return an amount of money with two decimals; None for what may mean something else.

    1.500 is a thousand and a half to some, and one and a half to others; 1,500.00 is clear.
    """
    bare = "".join(_CURRENCY.sub("", text).split())
    if found := _PLAIN.fullmatch(bare):
        whole, cents = found[1], found[2] or "0"
    elif found := _GROUPED.fullmatch(bare):
        whole, cents = found[1] or found[3], found[2] or found[4]
    elif _MILLIONS.fullmatch(bare):
        whole, cents = bare, "0"
    else:
        return None
    digits = whole.replace(".", "").replace(",", "")
    return Decimal(f"{digits}.{cents}").quantize(Decimal("0.01"))
