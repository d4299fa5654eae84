"""One attempt to hand something to another system: what it said, or that nobody answered."""

from dataclasses import dataclass
from typing import Self

import httpx2

_NOT_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
_SECONDS = 10.0
_MOST = 4096
_SAID = 200


@dataclass(frozen=True, slots=True)
class Said:
    """What came back: a status, or None when there was no answer; `sent` says it was on its way."""

    code: int | None
    text: str
    sent: bool = True

    @property
    def is_taken(self) -> bool:
        """Whether the other side has it."""
        return self.code is not None and 200 <= self.code < 300  # noqa: PLR2004 - HTTP's own


class Poster:
    """Posts to addresses of config; follows nothing, and reads no more than a few words."""

    def __init__(self, seconds: float = _SECONDS) -> None:
        """Wait for at most so many seconds."""
        self._client = httpx2.Client(timeout=seconds, follow_redirects=False, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def post(self, url: str, body: bytes, headers: dict[str, str]) -> Said:
        """Post once."""
        kind = {"Content-Type": "application/json", "User-Agent": "retention"}
        try:
            with self._client.stream("POST", url, content=body, headers=kind | headers) as answer:
                text = next(answer.iter_bytes(_MOST), b"")  # no more: it may never end
                shown = "".join(
                    c for c in text[:_SAID].decode("utf-8", "replace") if c.isprintable()
                )
                return Said(answer.status_code, shown)
        except _NOT_SENT as error:
            return Said(None, type(error).__name__, sent=False)
        except (httpx2.HTTPError, OSError) as error:
            return Said(None, type(error).__name__)
