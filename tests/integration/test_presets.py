"""The presets of providers, and a login by token against servers on loopback."""

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yagmail.oauth2

from retention.delivery.mail_server import (
    GMAIL,
    GMAIL_OAUTH2,
    RELAY,
    MailServer,
    check_server,
    with_preset,
)
from retention.delivery.smtp import AttemptFailedError, Connection
from retention.domain.errors import ConfigError
from retention.domain.messages import Verdict
from tests.factories.servers import ScriptedServer, make_certificate

USER = "someone@gmail.example"
FIELDS = ("google_client_id", "google_client_secret", "google_refresh_token")


def relay(**changes: Any) -> MailServer:
    return MailServer("mail.example.net", 587, "starttls", timeout=5, **changes)


def test_a_relay_is_used_as_it_is() -> None:
    assert with_preset(relay(), RELAY) == relay()


def test_gmail_knows_its_host_and_wants_an_app_password() -> None:
    found = with_preset(relay(user=USER, password="abcd efgh"), GMAIL)
    assert (found.host, found.port, found.security) == ("smtp.gmail.com", 465, "tls")
    check_server(found)
    with pytest.raises(ConfigError, match="RETENTION_MAIL_PASSWORD: is missing"):
        check_server(with_preset(relay(user=USER), GMAIL))
    with pytest.raises(ConfigError, match="RETENTION_MAIL_USER: is missing"):
        with_preset(relay(), GMAIL)


def token_file(folder: Path, **changes: object) -> Path:
    path = folder / "token.json"
    content = dict.fromkeys(FIELDS, "x") | {"email_address": USER} | changes
    path.write_text(json.dumps({k: v for k, v in content.items() if v is not None}), "utf-8")
    return path


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read"),
        ("no json", "cannot be read"),
        ('{"installed": {}}', "lacks google_client_id"),
        ("[]", "lacks google_client_id"),
    ],
)
def test_a_token_file_that_would_make_yagmail_ask_is_an_error_at_once(
    tmp_path: Path, content: str | None, message: str
) -> None:
    path = tmp_path / "token.json"
    if content is not None:
        path.write_text(content, "utf-8")
    server = with_preset(relay(user=USER, oauth2_file=path), GMAIL_OAUTH2)
    with pytest.raises(ConfigError, match=message):
        check_server(server)


def test_a_token_never_goes_over_a_line_that_is_not_secured(tmp_path: Path) -> None:
    """yagmail would send it in the clear: with a token file it does not do STARTTLS."""
    with pytest.raises(ConfigError, match="needs 'tls'"):
        check_server(relay(user=USER, oauth2_file=token_file(tmp_path)))


class Accounts(BaseHTTPRequestHandler):
    """The provider's token service."""

    status = 200
    answer: bytes | None = b'{"access_token": "a fresh token", "expires_in": 3600}'

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        if self.answer is None:
            self.rfile.read(1)  # until the other side has had enough
            return
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(self.answer)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def accounts(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Accounts]]:
    server = HTTPServer(("127.0.0.1", 0), Accounts)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    where = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(yagmail.oauth2, "GOOGLE_ACCOUNTS_BASE_URL", where)
    monkeypatch.setattr(Accounts, "status", 200)
    monkeypatch.setattr(Accounts, "answer", Accounts.answer)
    yield Accounts
    server.shutdown()
    thread.join()
    server.server_close()


def log_in(folder: Path, script: dict[str, str], timeout: float = 5) -> list[str]:
    """Log in with a token and send one message; return what the server heard."""
    pem, context = make_certificate(folder, "localhost")
    with ScriptedServer(script, context, implicit=True) as server:
        mail = MailServer("localhost", server.port, "tls", timeout, user=USER, ca_file=pem,
                          oauth2_file=token_file(folder))  # fmt: skip
        with Connection(mail) as connection:
            connection.send("a@example.com", "b@example.com", b"x\r\n", lambda _: None)
        assert len(server.accepted) == 1
        return server.said


def test_a_login_by_token(tmp_path: Path, accounts: type[Accounts]) -> None:
    said = log_in(tmp_path, {})
    (login,) = [line for line in said if line.startswith("AUTH XOAUTH2")]
    words = base64.b64decode(login.split()[2]).decode()
    assert words == f"user={USER}\1auth=Bearer a fresh token\1\1"


def test_a_token_that_is_refused_is_the_servers_last_word(
    tmp_path: Path, accounts: type[Accounts]
) -> None:
    """yagmail does not look at the answer; the next verb would fail with something else."""
    with pytest.raises(AttemptFailedError, match="535") as refused:
        log_in(tmp_path, {"AUTH": "535 not this token"})
    assert refused.value.verdict is Verdict.SERVER


@pytest.mark.parametrize(("status", "verdict"), [(400, Verdict.SERVER), (503, Verdict.TRY_AGAIN)])
def test_the_token_service_says_no_for_good_or_for_now(
    tmp_path: Path, accounts: type[Accounts], status: int, verdict: Verdict
) -> None:
    accounts.status = status
    with pytest.raises(AttemptFailedError) as failed:
        log_in(tmp_path, {})
    assert failed.value.verdict is verdict


@pytest.mark.parametrize("answer", [b"<html>maintenance</html>", b"{}", b"[]", None])
def test_a_token_service_that_says_nothing_of_use_is_asked_again_later(
    tmp_path: Path, accounts: type[Accounts], answer: bytes | None
) -> None:
    accounts.answer = answer
    with pytest.raises(AttemptFailedError) as failed:
        log_in(tmp_path, {}, timeout=0.5)
    assert failed.value.verdict is Verdict.TRY_AGAIN
