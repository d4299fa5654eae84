"""What several conversations reach at the same time, written down in one transaction.

Each message must be on record before its data leaves. A commit waits for the disk, so conversations
that come to that point together share one: the more lines, the fewer commits per message.
"""

import queue
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Self

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from retention.clock import utc_now
from retention.db.session import writing
from retention.delivery import circuit_breaker as health
from retention.delivery import claim as delivery
from retention.delivery import last_check
from retention.delivery.attempts import Claimed, Ending

_TRIES = 10
_PAUSE_SECONDS = 0.05
_MOMENT_SECONDS = 0.003
_LONGEST_SECONDS = 0.05
_MOST = 400


@dataclass(frozen=True, slots=True)
class _Entry:
    item: Claimed | Ending
    answer: "Future[Any]"


class Logbook:
    """The one writer of a round's progress. Use it as a context manager."""

    def __init__(self, engine: Engine, rules: last_check.Rules, lines: int) -> None:
        self._engine, self._rules, self._lines = engine, rules, lines
        self._entries: queue.SimpleQueue[_Entry | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._entries.put(None)
        self._thread.join()

    def pass_dot(self, claimed: Claimed) -> str | None:
        """Record the point of no return; return why the message must not be sent, or None."""
        refusal: str | None = self.submit(claimed).result()
        return refusal

    def submit(self, item: Claimed | Ending) -> "Future[Any]":
        """Hand in a message that comes to its dot, or how its attempt ended."""
        entry = _Entry(item, Future())
        self._entries.put(entry)
        return entry.answer

    def _run(self) -> None:
        open_ = True
        while open_:
            entries = self._gather()
            open_ = None not in entries
            self._write([entry for entry in entries if entry is not None])

    def _gather(self) -> list[_Entry | None]:
        """Wait for the first entry, then for the others while they come, unless all are here."""
        entries = [self._entries.get()]
        until = time.monotonic() + _LONGEST_SECONDS
        while len(entries) < _MOST and _waiting(entries) < self._lines and None not in entries:
            moment = min(_MOMENT_SECONDS, max(0, until - time.monotonic()))
            try:
                entries.append(self._entries.get(timeout=moment))
            except queue.Empty:
                break
        return entries

    def _write(self, entries: list[_Entry]) -> None:
        """Write all of them; when that cannot be done, one by one, so that each fails alone."""
        try:
            answers = self._write_once(entries)
        except Exception as error:  # noqa: BLE001 - whoever waits for the answer gets it
            if len(entries) == 1:
                entries[0].answer.set_exception(error)
                return
            for entry in entries:
                self._write([entry])
            return
        for entry, answer in zip(entries, answers, strict=True):
            entry.answer.set_result(answer)

    def _write_once(self, entries: list[_Entry]) -> list[Any]:
        """Write in one transaction, however long others keep the database busy."""
        for tries_left in reversed(range(_TRIES)):
            try:
                return self._transaction(entries)
            except DBAPIError:
                if not tries_left:
                    raise
                time.sleep(_PAUSE_SECONDS)
        return []

    def _transaction(self, entries: list[_Entry]) -> list[Any]:
        dots = [e.item for e in entries if isinstance(e.item, Claimed)]
        ends = [e.item for e in entries if isinstance(e.item, Ending)]
        settled, refused = {}, {}
        with writing(self._engine) as session:
            if ends:
                settled = delivery.record_results(session, ends, self._rules)
                trouble = delivery.has_server_trouble(ends)
                if trouble is not None:
                    health.stop_mail(session, trouble, utc_now())
            if dots:
                refused = delivery.pass_dots(session, dots, utc_now(), self._rules)
        return [
            refused.get(e.item.message_id)
            if isinstance(e.item, Claimed)
            else settled.get(e.item.claimed.message_id)
            for e in entries
        ]


def _waiting(entries: list[_Entry | None]) -> int:
    """Return how many lines stand at their dot."""
    return sum(entry is not None and isinstance(entry.item, Claimed) for entry in entries)
