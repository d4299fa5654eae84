"""A deadline for a socket: whoever sends one byte a second does not keep us for ever.

A timeout of a socket counts from the last byte, so it never ends a slow trickle. Here a thread
shuts the socket down when its time is over; the conversation sees a lost connection.
"""

import socket
import threading
import time
from contextlib import suppress


class Deadline:
    """Watches one socket. Setting the next deadline costs no more than an assignment."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._at = float("inf")
        self._wake = threading.Condition()
        self._thread: threading.Thread | None = None
        self.has_struck = False

    def watch(self, watched: socket.socket, seconds: float) -> None:
        """Begin to watch a socket; it has `seconds` until it is told otherwise."""
        with self._wake:
            self._socket, self.has_struck = watched, False
            self._at = time.monotonic() + seconds
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, daemon=True)
                self._thread.start()
            self._wake.notify()

    def extend(self, seconds: float) -> None:
        """Give the socket `seconds` from now."""
        self._at = time.monotonic() + seconds

    def rest(self) -> None:
        """Let the socket be idle for as long as it likes."""
        self._at = float("inf")

    def drop(self) -> None:
        """Close the socket, also one whose conversation never began."""
        with self._wake:
            watched, self._socket, self._at = self._socket, None, float("inf")
        if watched is not None:
            with suppress(OSError):
                watched.close()

    def close(self) -> None:
        """Stop watching for good."""
        with self._wake:
            self._socket, self._at = None, float("-inf")
            self._wake.notify()

    def _run(self) -> None:
        with self._wake:
            while self._at != float("-inf"):
                left = self._at - time.monotonic()
                if left > 0:
                    self._wake.wait(min(left, 1.0))
                    continue
                self.has_struck = True
                self._at = float("inf")
                if self._socket is not None:
                    _shut(self._socket)
            self._thread = None


def _shut(watched: socket.socket) -> None:
    with suppress(OSError):  # it may be closed already
        socket.socket.shutdown(watched, socket.SHUT_RDWR)
