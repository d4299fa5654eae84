"""How often a page may be asked for, and whether somebody opens all links of a message at once.

Both are kept in this process's memory only: a few counters, forgotten after minutes.
"""

import threading
from collections import deque
from datetime import datetime, timedelta
from typing import Any

_MINUTE = timedelta(minutes=1)
_AT_ONCE = timedelta(seconds=3)
_MOST_KEPT = 20_000
_MANY_ANSWERS = 4
"""So many links of one page within seconds: nobody changes their mind as fast."""

PER_LINK, UNKNOWN_PER_ADDRESS = 120, 30
"""Requests a minute of one link, and of one address with links that do not exist."""


def _forget_oldest(kept: dict[str, Any]) -> None:
    """Who was counted first is forgotten first; the others stay counted."""
    while len(kept) > _MOST_KEPT:
        kept.pop(next(iter(kept)))


class Limits:
    """Counts requests by what they were about."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._asked: dict[str, deque[datetime]] = {}
        self._opened: dict[str, deque[tuple[datetime, tuple[str, str]]]] = {}
        self._lock = threading.Lock()

    def is_too_often(self, about: str, most: int, now: datetime) -> bool:
        """Count a request; return whether there were more than `most` in the last minute."""
        with self._lock:
            _forget_oldest(self._asked)
            times = self._asked.setdefault(about, deque())
            while times and times[0] <= now - _MINUTE:
                times.popleft()
            if len(times) >= most:
                return True
            times.append(now)
            return False

    def note_opened(self, message: str, what: tuple[str, str], now: datetime) -> None:
        """Note that a link of a message was opened: which page, and with which answer in it."""
        with self._lock:
            _forget_oldest(self._opened)
            opened = self._opened.setdefault(message, deque())
            opened.append((now, what))
            while opened and opened[0][0] <= now - _MINUTE:
                opened.popleft()

    def were_many_opened(self, message: str, now: datetime) -> bool:
        """Return whether several links of a message were opened within seconds, a moment ago."""
        with self._lock:
            opened = [pair for pair in self._opened.get(message, ()) if pair[0] > now - _MINUTE]
        for at, _ in opened:
            together = {what for then, what in opened if timedelta() <= then - at <= _AT_ONCE}
            if len({purpose for purpose, _ in together}) > 1 or len(together) >= _MANY_ANSWERS:
                return True
        return False
