"""A receiver of webhooks and texts on loopback: it keeps what is posted, and checks nothing."""

import json
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

MOST_BYTES = 256 * 1024
_PORT = 8322
Answering = Callable[["Posted"], int]


class Posted:
    """One request as it came: its headers in small letters, its bytes, and what they say."""

    def __init__(self, headers: dict[str, str], body: bytes) -> None:
        self.headers, self.body = headers, body

    @property
    def said(self) -> dict[str, Any]:
        """What the body says."""
        found: dict[str, Any] = json.loads(self.body)
        return found


class DemoGateway:
    """Listens while the block runs; `answering` says with which status each request is answered."""

    def __init__(self, answering: Answering = lambda _: 202, port: int = 0) -> None:
        """Listen on a port of loopback; a free one unless it is given."""
        self.posted: list[Posted] = []
        self._answering, self._lock = answering, threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}/"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        keep = self._keep

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                size = min(int(self.headers.get("Content-Length", "0")), MOST_BYTES)
                headers = {name.lower(): value for name, value in self.headers.items()}
                self.send_response(keep(Posted(headers, self.rfile.read(size))))
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler

    def _keep(self, posted: Posted) -> int:
        with self._lock:
            status = self._answering(posted)
            self.posted.append(posted)
            return status


def main() -> None:
    """Listen on the port that is given (8322 without), and print what comes, a line each."""
    port = int(sys.argv[1]) if len(sys.argv) > 1 else _PORT

    def say(posted: Posted) -> int:
        sys.stdout.write(f"{posted.body.decode('utf-8', 'replace')}\n")
        sys.stdout.flush()
        return 202

    with DemoGateway(say, port) as gateway, suppress(KeyboardInterrupt):
        sys.stderr.write(f"listening on {gateway.url} (Ctrl-C stops)\n")
        threading.Event().wait()


if __name__ == "__main__":
    main()
