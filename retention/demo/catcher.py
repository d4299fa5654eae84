"""A mail server on loopback that keeps every message as an `.eml` file and delivers none."""

import socket
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

MARK = "this-folder-belongs-to-retention-demo"
"""A file of this name says that a folder is the demo's."""
MAX_MESSAGE_BYTES = 5 * 1024 * 1024


class _Keeper:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.caught = len(list(folder.glob("*.eml")))

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        """Write the bytes as they came."""
        self.caught += 1
        content = envelope.original_content or b""
        (self._folder / f"{self.caught:05d}.eml").write_bytes(content)
        return f"250 kept as {self.caught:05d}.eml"


class MailCatcher:
    """Catches mail while the block runs, on a port of loopback; a free one unless it is given."""

    def __init__(self, folder: Path, port: int | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._keeper = _Keeper(folder)
        self.port = port or _free_port()
        self._controller: Any = Controller(
            self._keeper, hostname="127.0.0.1", port=self.port, data_size_limit=MAX_MESSAGE_BYTES
        )

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._controller.stop()

    @property
    def caught(self) -> int:
        """How many messages the folder holds."""
        return self._keeper.caught


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
