"""The company's logo where it can be seen: mail programs show a PNG that comes with the message."""

from functools import lru_cache
from pathlib import Path

LOGO_ID = "logo"


def inline_logo(path: Path | None) -> bytes | None:
    """Return the logo as mails carry it; None for an SVG, which they do not show."""
    if path is None or path.suffix != ".png":
        return None
    return _read(path)


@lru_cache(maxsize=4)
def _read(path: Path) -> bytes:
    return path.read_bytes()
