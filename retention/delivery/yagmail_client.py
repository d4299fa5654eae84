"""yagmail's client whose socket is watched from the moment it is connected, and login by token."""

import json
import socket
import ssl
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import urlopen

import yagmail
from yagmail import oauth2

from retention.delivery.deadline import Deadline
from retention.delivery.mail_server import MailServer

_LOGGED_IN, _REFUSED, _BAD_LOGIN = 235, 400, 535
_LONGEST_ANSWER = 65536


class LoginRefusedError(OSError):
    """The server does not take our token."""

    def __init__(self, code: int, text: bytes) -> None:
        super().__init__(text)
        self.smtp_code = code if code >= _REFUSED else _BAD_LOGIN
        self.smtp_error = text


def make_client(server: MailServer, deadline: Deadline) -> Any:
    """Return a client of yagmail that is not connected yet; TLS is verified when it will be."""
    ca_file = server.ca_file
    changed = ca_file.stat().st_mtime_ns if ca_file else 0
    context = None if server.security == "plain" else _trusting(ca_file, changed)
    with_tls = server.security == "tls"
    client = _client_class(deadline, server)(
        user=server.user,
        password=server.password,
        oauth2_file=str(server.oauth2_file) if server.oauth2_file else None,
        host=server.host,
        port=server.port,
        smtp_ssl=with_tls,
        smtp_starttls={"context": context} if server.security == "starttls" else False,
        smtp_skip_login=server.user is None,
        soft_email_validation=False,
        timeout=server.timeout,
        **({"context": context} if with_tls else {}),
    )
    client.set_logging(None)
    return client


@lru_cache(maxsize=4)
def _trusting(ca_file: Path | None, _changed: int) -> ssl.SSLContext:
    """Whom we believe is read once per change: each line of a round would read all of it again."""
    return ssl.create_default_context(cafile=ca_file)


def _client_class(deadline: Deadline, server: MailServer) -> type:
    class Watched(yagmail.SMTP):  # type: ignore[misc]
        @property
        def connection(self) -> type:
            return _watched(super().connection, deadline, server.timeout)

        @staticmethod
        def get_oauth_string(user: str, oauth2_info: dict[str, str]) -> str:
            """Ask for a token within our time; yagmail would wait for as long as it takes."""
            token = _fresh_token(oauth2_info, server.timeout)
            found: str = oauth2.generate_oauth2_string(user, token, as_base64=True)
            return found

    return Watched


def _watched(base: type, deadline: Deadline, seconds: float) -> type:
    class WatchedConnection(base):  # type: ignore[misc]
        def _get_socket(self, *arguments: Any) -> socket.socket:
            made: socket.socket = super()._get_socket(*arguments)
            deadline.watch(made, seconds)
            return made

        def putcmd(self, *arguments: Any) -> None:
            deadline.extend(seconds)
            super().putcmd(*arguments)

        def docmd(self, cmd: str, args: str = "") -> tuple[int, bytes]:
            code, text = super().docmd(cmd, args)
            if cmd == "AUTH" and args.startswith("XOAUTH2") and code != _LOGGED_IN:
                raise LoginRefusedError(code, text)  # yagmail does not look
            return code, text

        def starttls(self, *arguments: Any, **options: Any) -> Any:
            found = super().starttls(*arguments, **options)
            deadline.watch(self.sock, seconds)
            return found

    return WatchedConnection


def _fresh_token(account: dict[str, str], seconds: float) -> str:
    """Return a token for a login. Raises OSError: the service's own HTTPError when it says no."""
    form = {
        "client_id": account["google_client_id"],
        "client_secret": account["google_client_secret"],
        "refresh_token": account["google_refresh_token"],
        "grant_type": "refresh_token",
    }
    url = oauth2.command_to_url("o/oauth2/token")
    try:
        with urlopen(url, urlencode(form).encode(), timeout=seconds) as answer:  # noqa: S310 - https, yagmail's own
            return str(json.loads(answer.read(_LONGEST_ANSWER))["access_token"])
    except HTTPError as error:
        error.close()
        raise
    except (ValueError, KeyError, TypeError) as error:
        raise OSError("the token service's answer has no token") from error
