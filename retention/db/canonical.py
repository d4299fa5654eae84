"""Values as text that is the same wherever it was written, and its hash."""

import hashlib
import json
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

_AS_IT_IS = frozenset({str, int, float, bool, type(None)})
_AS_TEXT = frozenset({Decimal, bytes, date, datetime})


def sha256(text_: str) -> str:
    """Return the SHA-256 of a text, in hexadecimal."""
    return hashlib.sha256(text_.encode()).hexdigest()


def canonical(document: dict[str, Any]) -> str:
    """Return a record as text that is the same wherever it was written."""
    return _ENCODER.encode(document)


def plain(value: Any) -> Any:
    """Return a value as JSON keeps it; a dataclass as its fields, a set in order, bytes as hash."""
    kind = type(value)
    if kind in _AS_IT_IS:
        return value
    if kind in _AS_TEXT:
        return _as_text(value)
    if is_dataclass(value):
        value = {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [item if type(item) in _AS_IT_IS else plain(item) for item in value]
    if isinstance(value, frozenset | set):
        return sorted(plain(item) for item in value)
    return _as_text(value)


def _as_text(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, bytes):
        return hashlib.sha256(value).hexdigest()
    return value.isoformat() if isinstance(value, date | datetime) else value


_ENCODER = json.JSONEncoder(
    sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=plain
)
