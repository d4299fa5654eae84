"""No faster than the provider and the recipients' servers like."""

import threading
import time


class Pacer:
    """Spaces messages out: so many a second in all, and to one recipient domain."""

    def __init__(self, per_second: float, per_domain: float) -> None:
        self._gap, self._gap_of_domain = 1 / per_second, 1 / per_domain
        self._next = 0.0
        self._next_of: dict[str, float] = {}
        self._lock = threading.Lock()

    def wait_for(self, recipient: str) -> None:
        """Return when a message to this recipient may leave."""
        domain = recipient.rpartition("@")[2].lower()
        with self._lock:
            now = time.monotonic()
            at = max(now, self._next, self._next_of.get(domain, 0.0))
            self._next = at + self._gap
            self._next_of[domain] = at + self._gap_of_domain
        if at > now:
            time.sleep(at - now)
