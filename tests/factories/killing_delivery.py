"""Kill one of two workers at every point of a delivery, let the rest go on, and count the copies.

Run as a process of its own, like `killing`. The points are not listed anywhere: a first,
undisturbed delivery says which ones it passes: every commit, every written row, every line said to
the mail server and every reply heard from it.
"""

import json
import os
import re
import signal
import smtplib
import socket
import sys
from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import select, update

from retention.audit import verify as audit
from retention.bootstrap import get_application
from retention.clock import travel
from retention.db.models.work.actions import Rendering
from retention.db.models.work.messages import DeliveryAttempt, Message
from retention.db.session import reading, writing
from retention.delivery import worker
from retention.domain.messages import MessageState, SendPolicy
from retention.environment import keep_prefect_quiet, set_environment
from tasks.delivery import deliver_due, recover_lost
from tests.factories.killing import Reaper, Stage, here, in_child
from tests.factories.servers import ScriptedServer

keep_prefect_quiet()
MESSAGES, TRIES, COMMITS = 6, 4, 12
VERBS = {"EHLO", "MAIL", "RCPT", "DATA", "QUIT", "RSET"}
_ID = re.compile(rb"^Message-ID: <([^@]+)@", re.MULTILINE | re.IGNORECASE)


class Watcher(Reaper):
    """Tells the points of a delivery: the wire at the first message of each policy."""

    def see(self, label: str) -> None:
        """Pass a point."""
        self._seen[label] += 1
        point = f"{label} #{self._seen[label]}"
        if self._seen[label] <= (COMMITS if "commit" in label else len(SendPolicy)):
            self.passed.append(point)
        if point == self._kill_at:
            os.kill(os.getpid(), signal.SIGKILL)


def watch_the_wire(reaper: Reaper) -> None:
    """Let the reaper see every line that is said to the mail server, and every reply."""
    say, hear = socket.socket.sendall, smtplib.SMTP.getreply

    def sendall(self: socket.socket, data: Any, *rest: Any) -> None:
        first = (bytes(data[:40]).split() or [b""])[0].decode("latin-1").upper()
        label = first if first in VERBS else "the message"
        reaper.see(f"before saying {label}")
        say(self, data, *rest)
        reaper.see(f"after saying {label}")

    def getreply(self: smtplib.SMTP) -> tuple[int, bytes]:
        found = hear(self)
        reaper.see(f"heard {found[0]}")
        return found

    socket.socket.sendall = sendall  # type: ignore[method-assign, assignment]
    smtplib.SMTP.getreply = getreply  # type: ignore[method-assign]


def work(hour: int, day: date, state: Path, kill_at: str | None = None) -> list[str]:
    """One worker's round at an hour of the day, watched; return the points that it passed."""
    worker._CHUNK_PER_LINE = 1  # so that two workers meet
    reaper = Watcher(state, kill_at)
    watch_the_wire(reaper)
    go_round(hour, day)
    return reaper.passed


def go_round(hour: int, day: date) -> None:
    """Deliver at an hour of the day."""
    from tests.factories.nights import morning_after

    with travel(morning_after(day) + timedelta(days=1, hours=hour)):
        recover_lost.fn()
        deliver_due.fn(100)


def prepare(day: date) -> None:
    """Leave six messages in the outbox, half of them at most once."""
    from tests.factories.nights import complete_all, run_night

    for back in (3, 2, 1):
        run_night(day - timedelta(days=back))
    complete_all(get_application(), day - timedelta(days=1))
    run_night(day)
    with writing(get_application().engine) as session:
        waiting = session.scalars(
            select(Message).where(Message.state == MessageState.QUEUED).order_by(Message.id)
        ).all()
        for number, message in enumerate(waiting):
            message.policy = list(SendPolicy)[number % 2]
            if number >= MESSAGES:
                message.state = MessageState.CANCELLED
        kept = [message.action_id for message in waiting[:MESSAGES]]
        session.execute(
            update(Rendering)
            .where(Rendering.action_id.in_(kept))
            .values(timezone="Europe/Madrid", place="")
        )
    assert len(waiting) >= MESSAGES


def found_in_database() -> dict[str, Any]:
    """What the database says of each message, by the id that the server knows."""
    with reading(get_application().engine) as session:
        rows = session.execute(
            select(Rendering.token, Message.state, Message.policy)
            .join(Message, Message.action_id == Rendering.action_id)
            .where(Message.state != MessageState.CANCELLED)
        )
        found = {row.token: [row.state.value, row.policy.value] for row in rows}
        tried = session.scalars(select(DeliveryAttempt.ended_at)).all()
        whole = audit.verify(session, []).events > 0
    return {"messages": found, "open": tried.count(None), "audit": whole}


def finish(day: date) -> dict[str, Any]:
    """Let another worker go on, long after every lease is over; return what it leaves."""
    for hour in (12, 24, 48):
        go_round(hour, day)
    return found_in_database()


def copies_of(server: ScriptedServer) -> Counter[str]:
    """How many copies of each message the server has taken."""
    ids = [_ID.search(raw) for raw in server.accepted]
    return Counter(found[1].decode() for found in ids if found)


class Sweep:
    """Kills a worker at one point after the other."""

    def __init__(self, home: Path, url: str, day: date, server: ScriptedServer) -> None:
        self.stage, self.day, self.server = Stage(home, url), day, server

    def one(self, point: str) -> dict[str, Any]:
        """Kill a worker at `point` beside a live one, and let others finish on later days."""
        for left in reversed(range(TRIES)):
            self.stage.put_back()
            self.server.accepted.clear()
            doomed = partial(work, 9, self.day, self.stage.state, point)
            killed = self._beside_another(doomed) if left else in_child(doomed)[0]
            if killed:
                break
        code, found = here(partial(finish, self.day))
        return {"killed": killed, "rest": code, "copies": copies_of(self.server), **(found or {})}

    def _beside_another(self, doomed: Callable[[], Any]) -> int:
        other = os.fork()
        if other == 0:
            code = 1
            try:
                work(9, self.day, self.stage.state)
                code = 0
            finally:
                os._exit(code)
        killed, _ = in_child(doomed)
        _, status = os.waitpid(other, 0)
        assert os.waitstatus_to_exitcode(status) == 0, "the other worker did not end well"
        return killed


def sweep(home: Path, config: Path, url: str, day: date, share: int, of: int) -> dict[str, Any]:
    """Kill a delivery at every point; return what each left."""
    with ScriptedServer() as server:
        set_environment(
            {
                "RETENTION_STATE_DIR": str(home / "state"),
                "RETENTION_CONFIG_DIR": str(config),
                "RETENTION_DATABASE_URL": url,
                "RETENTION_MAIL_PORT": str(server.port),
                "RETENTION_MAIL_SECURITY": "plain",
                "RETENTION_SECRET_KEY": "a key for tests",
            }
        )
        run = Sweep(home, url, day, server)
        assert here(partial(prepare, day))[0] == 0, "nothing could be prepared"
        run.stage.keep()
        run.stage.keep_database()
        code, points = in_child(lambda: work(9, day, run.stage.state))
        assert code == 0, "the clean round did not run"
        clean = {"copies": copies_of(server), **in_child(found_in_database)[1]}
        killed = {point: run.one(point) for point in points[share::of]}
        return {"clean": clean, "passed": points, "points": killed}


if __name__ == "__main__":
    where, config_dir, database, on, nth, parts = sys.argv[1:]
    result = sweep(
        Path(where), Path(config_dir), database, date.fromisoformat(on), int(nth), int(parts)
    )
    sys.stdout.write(json.dumps(result))
