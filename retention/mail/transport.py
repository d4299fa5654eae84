"""The conversation with the mail server: yagmail's connection, our bytes, one attempt per message.

yagmail connects and logs in; it never retries here, never builds a message and never asks for a
password on the terminal. TLS is always verified; plain SMTP is for loopback only.
"""

import ipaddress
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import yagmail

from retention.domain.errors import ConfigError, RetentionError
from retention.domain.messages import AttemptStage

_LEADING_DOT = re.compile(rb"(?m)^\.")
_OK, _ACCEPTED, _GO_AHEAD = 250, (250, 251), 354
_REPLY_LENGTH = 200
OnStage = Callable[[AttemptStage], None]


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where and how to hand over mail. `security` is tls, starttls or plain."""

    host: str
    port: int
    security: str
    timeout: float
    user: str | None = None
    password: str | None = None
    ca_file: Path | None = None


class ServerUnavailableError(RetentionError):
    """The server cannot be reached, trusted or logged in to: nothing can be sent now."""


class AttemptFailedError(Exception):
    """One message was not accepted, or it is not known whether it was."""

    def __init__(self, stage: AttemptStage, code: int | None, text: str) -> None:
        super().__init__(f"{stage.name}: {code} {text}")
        self.stage = stage
        self.code = code
        self.text = text


def is_loopback(host: str) -> bool:
    """Return whether a host name can only mean this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_server(server: MailServer) -> None:
    """Raise ConfigError for a server that we must not talk to as configured."""
    if server.security == "plain" and not is_loopback(server.host):
        raise ConfigError(
            "RETENTION_MAIL_SECURITY",
            f"'plain' is not allowed for {server.host}",
            "Use 'tls' or 'starttls'; plain is for loopback only.",
        )
    if server.user and not server.password:
        raise ConfigError(
            "RETENTION_MAIL_PASSWORD", "is missing", "Set it, or remove RETENTION_MAIL_USER."
        )


class Connection:
    """One kept connection. Use it as a context manager."""

    def __init__(self, server: MailServer) -> None:
        check_server(server)
        self._server = server
        self._client: Any = None

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self) -> None:
        """Connect, verify TLS, log in. Raises ServerUnavailableError."""
        server = self._server
        context = ssl.create_default_context(cafile=server.ca_file)
        with_tls = server.security == "tls"
        self._client = yagmail.SMTP(
            user=server.user,
            password=server.password,
            host=server.host,
            port=server.port,
            smtp_ssl=with_tls,
            smtp_starttls={"context": context} if server.security == "starttls" else False,
            smtp_skip_login=server.user is None,
            soft_email_validation=False,
            timeout=server.timeout,
            **({"context": context} if with_tls else {}),
        )
        self._client.set_logging(None)
        try:
            self._client.login()
            self._client.smtp.ehlo_or_helo_if_needed()
        except OSError as error:  # smtplib's own errors are OSErrors too
            self._drop()
            raise ServerUnavailableError(
                f"mail server {server.host}:{server.port}",
                f"cannot be used ({_said(error)})",
                "Check RETENTION_MAIL_* and that the server is up; 'retention doctor' tries it.",
            ) from error

    def ensure_open(self) -> None:
        """Connect again if the last conversation ended badly. Raises ServerUnavailableError."""
        if self._client is None:
            self.open()

    def close(self) -> None:
        """Say goodbye, whatever state the connection is in."""
        if self._client is not None:
            try:
                self._client.close()
            except OSError:
                self._drop()
            self._client = None

    def send(self, sender: str, recipient: str, raw: bytes, on_stage: OnStage) -> tuple[int, str]:
        """Hand over one message, once. Returns the server's final reply.

        `on_stage` is called before each verb and may raise to withdraw the message; what it does
        at DOT must be durable. Raises AttemptFailedError with the stage that was reached.
        """
        self.ensure_open()
        stage = AttemptStage.CONNECTED

        def enter(new: AttemptStage) -> None:
            nonlocal stage
            on_stage(new)
            stage = new

        try:
            enter(AttemptStage.MAIL)
            self._expect(stage, self._client.smtp.mail(sender), (_OK,))
            enter(AttemptStage.RCPT)
            self._expect(stage, self._client.smtp.rcpt(recipient), _ACCEPTED)
            enter(AttemptStage.DATA)
            self._expect(stage, self._client.smtp.docmd("DATA"), (_GO_AHEAD,))
            enter(AttemptStage.DOT)
            self._client.smtp.send(_LEADING_DOT.sub(b"..", raw) + b".\r\n")
            return self._expect(stage, self._client.smtp.getreply(), (_OK,))
        except AttemptFailedError:
            self._reset()
            raise
        except OSError as error:
            self._drop()
            raise AttemptFailedError(stage, _code(error), _said(error)) from error
        except BaseException:
            self._drop()  # withdrawn in the middle of a conversation: the server must forget it
            raise

    def _expect(
        self, stage: AttemptStage, reply: tuple[int, bytes], wanted: tuple[int, ...]
    ) -> tuple[int, str]:
        code, text = reply[0], _clean(reply[1])
        if code not in wanted:
            raise AttemptFailedError(stage, code if code > 0 else None, text)
        return code, text

    def _reset(self) -> None:
        try:
            self._client.smtp.rset()
        except OSError:
            self._drop()

    def _drop(self) -> None:
        smtp = getattr(self._client, "smtp", None)
        if smtp is not None:
            smtp.close()
        if self._client is not None:
            self._client.is_closed = True
        self._client = None


def _code(error: OSError) -> int | None:
    code = getattr(error, "smtp_code", None)
    return code if isinstance(code, int) and code > 0 else None


def _said(error: OSError) -> str:
    text = getattr(error, "smtp_error", None)
    said = _clean(text) if isinstance(text, bytes) else _clean(str(error).encode())
    code = _code(error)
    return f"{type(error).__name__}: {f'{code} ' if code else ''}{said}"


def _clean(text: bytes) -> str:
    readable = text.decode("utf-8", "replace")
    return "".join(c if c.isprintable() else " " for c in readable)[:_REPLY_LENGTH]
