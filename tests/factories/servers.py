"""A scripted SMTP server on loopback: it does what a test says, and keeps what it accepted."""

import socket
import ssl
import struct
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Script = dict[str, str]
"""Verb (or 'banner', 'dot', 'body') to what is done at it: a reply, or one of

drop: hang up; accept-drop: take the message, then hang up; accept-slow: take it, and say nothing;
slow: say nothing; drip: answer one byte at a time, for ever; accept-reset: take it, answer, and
reset the connection.
"""
_FOR_EVER = 60.0


class ScriptedServer:
    """Speaks just enough SMTP; `before_reply` is called with each verb.

    `features` are what it offers; STARTTLS is among them when there is a `tls` context, unless the
    first connection is `implicit`ly secured.
    """

    def __init__(
        self,
        script: Script | None = None,
        tls: ssl.SSLContext | None = None,
        features: tuple[str, ...] = (),
        *,
        implicit: bool = False,
    ) -> None:
        self.script = script or {}
        self.accepted: list[bytes] = []
        self.verbs: list[str] = []
        self.said: list[str] = []
        self.connections = 0
        self.features = features
        self.before_reply: Callable[[str], None] = lambda _verb: None
        self._tls, self._implicit = tls, implicit
        self._ended = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._threads = [threading.Thread(target=self._serve, daemon=True)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for thread in self._threads:
            thread.join(10)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            thread = threading.Thread(target=self._talk, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _talk(self, connection: socket.socket) -> None:
        try:
            if self._implicit and self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
                self._tls = None  # what is secured already does not offer STARTTLS
            if self._reply(connection, "banner", "220 ready"):
                self._commands(connection)
        except (OSError, ValueError):
            pass
        finally:
            connection.close()

    def _commands(self, connection: socket.socket) -> None:
        reader = connection.makefile("rb")
        while line := reader.readline():
            said = line.decode().strip()
            verb = said.split()[0].upper()
            self.verbs.append(verb)
            self.said.append(said)
            self.before_reply(verb)
            if verb == "STARTTLS" and self._tls is not None and verb not in self.script:
                connection.sendall(b"220 go ahead\r\n")
                with self._tls.wrap_socket(connection, server_side=True) as secured:
                    self._commands(secured)
                return
            if verb == "DATA":
                if not self._reply(connection, "DATA", "354 go"):
                    return
                if self.script.get("DATA", "354").startswith("354") and not self._body(
                    connection, reader
                ):
                    return
                continue
            if not self._reply(connection, verb, self._usual(verb)):
                return
            if verb == "QUIT":
                return

    def _usual(self, verb: str) -> str:
        if verb == "AUTH":
            return "235 welcome"
        if verb != "EHLO":
            return "250 ok"
        offered = [*self.features, *(("STARTTLS",) if self._tls else ())]
        return "\r\n".join([*(f"250-{name}" for name in ("here", *offered)), "250 HELP"])

    def _body(self, connection: socket.socket, reader: BinaryIO) -> bool:
        if self.script.get("body") == "drop":
            reader.readline()
            return False
        lines = []
        while (line := reader.readline()) != b".\r\n":
            if not line:
                return False  # the client hung up before the dot: there is no message
            lines.append(line[1:] if line.startswith(b".") else line)
        outcome = self.script.get("dot", "250 taken")
        if outcome.startswith(("2", "accept")):
            self.accepted.append(b"".join(lines))
        self.before_reply("dot")
        if outcome in ("drop", "accept-drop"):
            return False
        if outcome == "accept-reset":
            connection.sendall(b"250 taken\r\n")
            linger = struct.pack("ii", 1, 0)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            return False
        return self._say(connection, "slow" if outcome == "accept-slow" else outcome)

    def _reply(self, connection: socket.socket, verb: str, default: str) -> bool:
        return self._say(connection, self.script.get(verb, default))

    def _say(self, connection: socket.socket, reply: str) -> bool:
        """Answer; return whether the conversation goes on."""
        if reply == "drop":
            return False
        if reply == "slow":
            self._ended.wait(_FOR_EVER)
            return False
        if reply == "drip":
            while not self._ended.wait(0.05):
                connection.sendall(b"2")
            return False
        connection.sendall(reply.encode("latin-1") + b"\r\n")
        return not reply.startswith("421")


def make_certificate(folder: Path, name: str, *, days: int = 1) -> tuple[Path, ssl.SSLContext]:
    """A self-signed certificate for `name`: its file, and a server context that uses it.

    It is valid until `days` from now; a negative number makes one that has expired.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=30))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "server.pem"
    pem.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return pem, context
