"""The counts beside the views: of now, but where there is very much to count, a little older.

A queue of a hundred thousand takes a tenth of a second to count: there a page shows what was last
counted, and the count of now is made meanwhile for the next page.
"""

import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import perf_counter

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from retention.actions import queue_views
from retention.db.queries.queue import Scope
from retention.db.session import reading
from retention.snapshots.directory import Directory

_QUICK, _MANY = 0.015, 5000
_FRESH, _OLD = timedelta(seconds=1), timedelta(minutes=2)
_REST = 20
"""So many times as long as counting took nobody counts again: it takes a twentieth of a core."""


@dataclass(slots=True)
class _Counted:
    counts: dict[str, int]
    at: datetime
    took: float
    busy: bool = False

    @property
    def is_long(self) -> bool:
        """Whether there is so much to count that a page should not wait for it."""
        return self.took >= _QUICK and self.counts["all"] >= _MANY

    def is_over(self, now: datetime) -> bool:
        """Whether it is time to count again: early enough that no page comes to wait for it."""
        rest = timedelta(seconds=_REST * self.took)
        return now - self.at >= min(max(_FRESH, rest), _OLD / 2)


@dataclass
class Counts:
    """What was counted for whom."""

    _kept: dict[tuple[int, str], _Counted] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def of(
        self, session: Session, engine: Engine, scope: Scope, people: Directory, now: datetime
    ) -> dict[str, int]:
        """Return how many items each view of somebody holds."""
        key = (id(engine), scope.person_id)
        kept = self._kept.get(key)
        if kept is None or not kept.is_long or not timedelta(0) <= now - kept.at < _OLD:
            return self._count(key, session, scope, people, now)
        with self._lock:
            again = not kept.busy and kept.is_over(now)
            kept.busy = kept.busy or again
        if again:
            asked = (key, engine, scope, people, now)
            threading.Thread(target=self._meanwhile, args=asked, daemon=True).start()
        return kept.counts

    def _meanwhile(
        self, key: tuple[int, str], engine: Engine, scope: Scope, people: Directory, now: datetime
    ) -> None:
        try:
            with reading(engine) as session:
                self._count(key, session, scope, people, now)
        finally:
            self._kept[key].busy = False

    def _count(
        self,
        key: tuple[int, str],
        session: Session,
        scope: Scope,
        people: Directory,
        now: datetime,
    ) -> dict[str, int]:
        began = perf_counter()
        counts = queue_views.counts(session, scope, people)
        self._kept[key] = _Counted(counts, now, perf_counter() - began)
        return counts


COUNTS = Counts()
"""Of this process."""
