"""Who is told of what by webhook, and how long a failed delivery waits before the next one."""

import re
from dataclasses import dataclass
from datetime import timedelta

WAITS = tuple(timedelta(seconds=s) for s in (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400))
"""What the Standard Webhooks specification proposes: nine more attempts over three days."""

GONE = 410
_POSTABLE = re.compile(r"https://[^\s@]+|http://(127\.0\.0\.1|localhost)(:\d+)?(/\S*)?")


def may_be_posted_to(url: str) -> bool:
    """Tell whether nobody overhears what is posted to an address: https, or this machine."""
    return _POSTABLE.fullmatch(url) is not None


@dataclass(frozen=True, slots=True)
class Receiver:
    """A system that is told. `secrets` sign, the first one first; no `kinds` are all."""

    name: str
    url: str
    secrets: tuple[str, ...]
    kinds: frozenset[str] = frozenset()

    def wants(self, kind: str) -> bool:
        """Return whether it is told of a kind."""
        return not self.kinds or kind in self.kinds


def next_wait(attempts: int, spread: float) -> timedelta | None:
    """Return how long to wait after so many attempts; None when it is time to give up.

    `spread`, from 0 to 1, keeps what failed together from coming back at one moment.
    """
    if attempts > len(WAITS):
        return None
    return WAITS[attempts - 1] * (1 + 0.1 * spread)
