"""Where answers arrive: a Maildir, a folder of files, or a mailbox over IMAP.

What was read stays where it is until it is on record; then it is marked, never deleted.
"""

import mailbox
import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from imap_tools import AND, BaseMailBox, MailBox, MailboxLoginError, MailBoxUnencrypted
from imap_tools.errors import ImapToolsError

from retention.delivery.mail_server import is_loopback
from retention.domain.errors import ConfigError, RetentionError

_SUFFIXES = (".eml", ".txt", ".msg")
_FLAG = "\\Seen"
_TIMEOUT = 60.0


class BoxUnavailableError(RetentionError):
    """The mailbox cannot be reached or opened; nothing was read."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """One message in a box: its key there, and its bytes."""

    key: str
    raw: bytes


class Box:
    """A place with messages that nobody has read yet."""

    def unread(self, limit: int) -> Iterator[Arrived]:
        """Yield messages that are not marked, oldest first."""
        raise NotImplementedError

    def mark(self, key: str) -> None:
        """Mark a message as read: it is on record."""
        raise NotImplementedError


class FolderBox(Box):
    """A folder of files; one that was read moves to its sub-folder `read`."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise _missing(folder)
        self._folder = folder

    def unread(self, limit: int) -> Iterator[Arrived]:
        """Yield the messages of the folder, by name."""
        files = sorted(p for p in self._folder.iterdir() if p.suffix.lower() in _SUFFIXES)
        for path in files[:limit]:
            yield Arrived(path.name, path.read_bytes())

    def mark(self, key: str) -> None:
        """Move a file to the sub-folder."""
        done = self._folder / "read"
        done.mkdir(exist_ok=True)
        (self._folder / key).replace(done / key)


class MaildirBox(Box):
    """A Maildir; one that was read moves to `cur` with the flag S."""

    def __init__(self, folder: Path) -> None:
        if not (folder / "new").is_dir():
            raise _missing(folder)
        self._box = mailbox.Maildir(folder, factory=None, create=False)

    def unread(self, limit: int) -> Iterator[Arrived]:
        """Yield the messages that nobody has seen."""
        keys = [key for key in sorted(self._box.keys()) if "S" not in _flags(self._box, key)]
        for key in keys[:limit]:
            yield Arrived(key, self._box.get_bytes(key))

    def mark(self, key: str) -> None:
        """Move a message to `cur`, seen."""
        message = self._box.get_message(key)
        message.set_subdir("cur")
        message.add_flag("S")
        self._box[key] = message


class ImapBox(Box):
    """A mailbox over IMAP; one that was read gets the flag Seen."""

    def __init__(self, box: BaseMailBox) -> None:
        self._box = box

    def unread(self, limit: int) -> Iterator[Arrived]:
        """Yield the messages without the flag; reading them does not set it."""
        found = list(self._box.fetch(AND(seen=False), limit=limit, mark_seen=False, bulk=False))
        for message in found:
            yield Arrived(message.uid or "", message.obj.as_bytes())

    def mark(self, key: str) -> None:
        """Set the flag."""
        self._box.flag([key], _FLAG, value=True)


@contextmanager
def open_box(where: str, password: str | None, ca_file: Path | None = None) -> Iterator[Box]:
    """Open `maildir:PATH`, `folder:PATH`, or `imaps://USER@HOST[:PORT][/FOLDER]`.

    `imap://` is for loopback only. Raises ConfigError for another place, BoxUnavailableError when
    it cannot be opened.
    """
    kind, _, rest = where.partition(":")
    if kind == "folder":
        yield FolderBox(Path(rest))
    elif kind == "maildir":
        yield MaildirBox(Path(rest))
    elif kind in ("imap", "imaps"):
        with _logged_in(where, password, ca_file) as box:
            yield ImapBox(box)
    else:
        raise ConfigError(
            "RETENTION_INBOX", f"'{kind}' is no kind of mailbox", "Use maildir, folder or imaps."
        )


@contextmanager
def _logged_in(where: str, password: str | None, ca_file: Path | None) -> Iterator[BaseMailBox]:
    parts = urlsplit(where)
    host, user = parts.hostname or "", unquote(parts.username or "")
    if parts.scheme == "imap" and not is_loopback(host):
        raise ConfigError("RETENTION_INBOX", f"'imap' is not allowed for {host}", "Use imaps://.")
    if not password:
        raise ConfigError("RETENTION_INBOX_PASSWORD", "is missing", "Set it.")
    try:
        box: BaseMailBox
        if parts.scheme == "imaps":
            context = ssl.create_default_context(cafile=ca_file)
            box = MailBox(host, parts.port or 993, timeout=_TIMEOUT, ssl_context=context)
        else:
            box = MailBoxUnencrypted(host, parts.port or 143, timeout=_TIMEOUT)
        try:
            opened = box.login(user, password, unquote(parts.path.strip("/")) or "INBOX")
        except (OSError, ImapToolsError):
            box.client.shutdown()
            raise
        with opened:
            yield opened
    except (OSError, ImapToolsError, MailboxLoginError) as error:
        said = "the login is refused" if isinstance(error, MailboxLoginError) else "no connection"
        raise BoxUnavailableError(
            f"mailbox at {host}", f"{said} ({type(error).__name__})", "Check RETENTION_INBOX."
        ) from error


def _flags(box: mailbox.Maildir, key: str) -> str:
    return str(box.get_message(key).get_flags())


def _missing(folder: Path) -> BoxUnavailableError:
    return BoxUnavailableError(
        f"mailbox {os.fspath(folder)}", "does not exist", "Correct RETENTION_INBOX."
    )
