"""The conversation with the mail server: yagmail's connection, our bytes, one attempt per message.

yagmail connects and logs in; it never retries here, never builds a message and never asks for a
password on the terminal. TLS is always verified; plain SMTP is for loopback only.
"""

import re
import ssl
from collections.abc import Callable
from typing import Any, Self
from urllib.error import HTTPError

from retention.delivery.deadline import Deadline
from retention.delivery.mail_server import MailServer, check_server
from retention.delivery.yagmail_client import make_client
from retention.domain.messages import AttemptStage, Verdict, verdict_of

_BARE = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@[\w.-]+", re.ASCII)
_LEADING_DOT = re.compile(rb"(?m)^\.")
_OK, _ACCEPTED, _GO_AHEAD, _GOING = 250, (250, 251), 354, 421
_TOO_BIG = 552
_SERVER_ERROR = 500
_REPLY_LENGTH = 200
_NOT_OFFERED = frozenset({"SMTPNotSupportedError", "SMTPException"})
OnStage = Callable[[AttemptStage], None]


class AttemptFailedError(Exception):
    """One message was not accepted, or it is not known whether it was."""

    def __init__(
        self, stage: AttemptStage, code: int | None, text: str, verdict: Verdict | None = None
    ) -> None:
        super().__init__(f"{stage.name}: {code} {text}")
        self.stage = stage
        self.code = code
        self.text = text
        self.verdict = verdict or verdict_of(stage, code)


class Connection:
    """One kept connection. Use it as a context manager."""

    def __init__(self, server: MailServer) -> None:
        check_server(server)
        self._server = server
        self._client: Any = None
        self._deadline = Deadline()
        self.sent = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        self._deadline.close()

    def open(self) -> None:
        """Connect, verify TLS, log in. Raises AttemptFailedError; nothing was sent then."""
        self._client, self.sent = make_client(self._server, self._deadline), 0
        try:
            self._client.login()
            self._client.smtp.ehlo_or_helo_if_needed()
        except OSError as error:  # smtplib's own errors are OSErrors too
            self._drop()
            code, text = _code(error), self._said(error)
            verdict = _verdict_of_login(error, code)
            raise AttemptFailedError(AttemptStage.CONNECTED, code, text, verdict) from error
        self._deadline.rest()

    def close(self) -> None:
        """Say goodbye, whatever state the connection is in."""
        if self._client is not None:
            self._deadline.extend(self._server.timeout)
            try:
                self._client.close()
            except OSError:
                self._drop()
            self._client = None
            self._deadline.rest()

    def send(self, sender: str, recipient: str, raw: bytes, on_stage: OnStage) -> tuple[int, str]:
        """Hand over one message, once, connecting first if need be. Returns the final reply.

        `on_stage` is called before each verb and may raise to withdraw the message; what it does
        at DOT must be durable. Raises AttemptFailedError with the stage that was reached.
        """
        if self._client is None:
            self.open()
        self._refuse_unsendable(recipient, raw)
        stage = AttemptStage.CONNECTED

        def enter(new: AttemptStage) -> None:
            nonlocal stage
            self._deadline.rest()  # what we do meanwhile is not the server's fault
            on_stage(new)
            stage = new
            self._allow(new)

        smtp = self._client.smtp
        try:
            enter(AttemptStage.MAIL)
            self._expect(stage, _say(smtp, "MAIL", "FROM", sender), (_OK,))
            enter(AttemptStage.RCPT)
            self._expect(stage, _say(smtp, "RCPT", "TO", recipient), _ACCEPTED)
            enter(AttemptStage.DATA)
            self._expect(stage, smtp.docmd("DATA"), (_GO_AHEAD,))
            enter(AttemptStage.DOT)
            smtp.send(_LEADING_DOT.sub(b"..", raw) + b".\r\n")
            reply = self._expect(stage, smtp.getreply(), (_OK,))
        except AttemptFailedError as error:
            self._reset(error)
            raise
        except OSError as error:
            # Not a reply of the server but smtplib's own word for one that it could not read.
            said = self._said(error)
            self._drop()
            raise AttemptFailedError(stage, None, said) from error
        except BaseException:
            self._drop()  # withdrawn in the middle of a conversation: the server must forget it
            raise
        self._deadline.rest()
        self.sent += 1
        return reply

    def _refuse_unsendable(self, recipient: str, raw: bytes) -> None:
        """What the server says it cannot take is not tried."""
        if not recipient.isascii():
            raise AttemptFailedError(
                AttemptStage.CONNECTED, None, "the address has letters other than ASCII",
                Verdict.NEVER,
            )  # fmt: skip
        limit = self._client.smtp.esmtp_features.get("size", "")
        if limit.isdigit() and 0 < int(limit) < len(raw):
            raise AttemptFailedError(
                AttemptStage.CONNECTED,
                _TOO_BIG,
                f"{len(raw)} bytes are more than the {limit} that the server takes",
                Verdict.NEVER,
            )

    def _allow(self, stage: AttemptStage) -> None:
        dot = stage is AttemptStage.DOT
        seconds = self._server.reply_timeout if dot else self._server.timeout
        self._deadline.extend(seconds)
        self._client.smtp.sock.settimeout(seconds)

    def _expect(
        self, stage: AttemptStage, reply: tuple[int, bytes], wanted: tuple[int, ...]
    ) -> tuple[int, str]:
        code, text = reply[0], _clean(reply[1])
        if self._deadline.has_struck:  # what was read is the beginning of a reply, not a reply
            raise AttemptFailedError(stage, None, f"the deadline was over; {text}")
        if code not in wanted:
            raise AttemptFailedError(stage, code if code > 0 else None, text)
        return code, text

    def _reset(self, error: AttemptFailedError) -> None:
        """Keep the connection for the next message, unless the server is about to hang up."""
        if error.code in (_GOING, None):
            self._drop()
            return
        self._deadline.extend(self._server.timeout)
        try:
            self._client.smtp.rset()
        except OSError:
            self._drop()
        else:
            self._deadline.rest()

    def _drop(self) -> None:
        self._deadline.drop()
        smtp = getattr(self._client, "smtp", None)
        if smtp is not None:
            smtp.close()
        if self._client is not None:
            self._client.is_closed = True
        self._client = None

    def _said(self, error: OSError) -> str:
        said = _said(error)
        return f"the deadline was over; {said}" if self._deadline.has_struck else said


def _verdict_of_login(error: OSError, code: int | None) -> Verdict:
    """What a server that will not have us means: without a reply it may be the line."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return Verdict.SERVER
    if code is None and type(error).__name__ in _NOT_OFFERED:
        return Verdict.SERVER
    if isinstance(error, HTTPError):  # the provider's token service
        return Verdict.SERVER if error.code < _SERVER_ERROR else Verdict.TRY_AGAIN
    return verdict_of(AttemptStage.CONNECTED, code)


def _say(smtp: Any, verb: str, way: str, address: str) -> tuple[int, bytes]:
    """Name an address to the server. smtplib takes each apart as if it had a name: few have."""
    if _BARE.fullmatch(address):
        said: tuple[int, bytes] = smtp.docmd(verb, f"{way}:<{address}>")
    else:
        said = smtp.mail(address) if verb == "MAIL" else smtp.rcpt(address)
    return said


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
    if not readable.isprintable():
        readable = "".join(c if c.isprintable() else " " for c in readable)
    return readable[:_REPLY_LENGTH]
