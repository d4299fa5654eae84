"""A scripted SMTP server on loopback: it does what a test says, and keeps what it accepted."""

import socket
import ssl
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
"""Verb (or 'banner', 'dot') to a reply, or to 'drop' (hang up) or 'accept-drop' (take, hang up)."""


class ScriptedServer:
    """Speaks just enough SMTP; `before_reply` is called with each verb."""

    def __init__(self, script: Script | None = None, tls: ssl.SSLContext | None = None) -> None:
        self.script = script or {}
        self.accepted: list[bytes] = []
        self.verbs: list[str] = []
        self.connections = 0
        self.before_reply: Callable[[str], None] = lambda _verb: None
        self._tls = tls
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(10)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            try:
                self._talk(connection)
            except OSError:
                pass
            finally:
                connection.close()

    def _talk(self, connection: socket.socket) -> None:
        if self._reply(connection, "banner", "220 ready"):
            self._commands(connection)

    def _commands(self, connection: socket.socket) -> None:
        reader = connection.makefile("rb")
        while line := reader.readline():
            verb = line.split()[0].decode().upper()
            self.verbs.append(verb)
            self.before_reply(verb)
            if verb == "STARTTLS" and self._tls is not None:
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
            hello = "250-here\r\n250 STARTTLS" if self._tls else "250 here"
            if not self._reply(connection, verb, hello if verb == "EHLO" else "250 ok"):
                return
            if verb == "QUIT":
                return

    def _body(self, connection: socket.socket, reader: BinaryIO) -> bool:
        lines = []
        while (line := reader.readline()) != b".\r\n":
            if not line:
                return False  # the client hung up before the dot: there is no message
            lines.append(line[1:] if line.startswith(b".") else line)
        outcome = self.script.get("dot", "250 taken")
        if outcome == "drop":
            return False
        if outcome.startswith(("2", "accept")):
            self.accepted.append(b"".join(lines))
        if outcome == "accept-drop":
            return False
        connection.sendall(outcome.encode() + b"\r\n")
        return True

    def _reply(self, connection: socket.socket, verb: str, default: str) -> bool:
        reply = self.script.get(verb, default)
        if reply == "drop":
            return False
        connection.sendall(reply.encode() + b"\r\n")
        return True


def make_certificate(folder: Path, name: str) -> tuple[Path, ssl.SSLContext]:
    """A self-signed certificate for `name`: its file, and a server context that uses it."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
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
