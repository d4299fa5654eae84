"""Where mail is handed over: the configured server, the presets of providers, what is refused."""

import ipaddress
import json
from dataclasses import dataclass, replace
from pathlib import Path

from retention.domain.errors import ConfigError

RELAY, GMAIL, GMAIL_OAUTH2 = "relay", "gmail", "gmail_oauth2"
_GMAIL = ("smtp.gmail.com", 465, "tls")
_TOKEN_FIELDS = {"google_client_id", "google_client_secret", "google_refresh_token"}


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where and how to hand over mail. `security` is tls, starttls or plain.

    `timeout` is the most seconds that each verb may take, `reply_timeout` the most for the reply
    after the data, which RFC 5321 wants to be ten minutes.
    """

    host: str
    port: int
    security: str
    timeout: float
    user: str | None = None
    password: str | None = None
    oauth2_file: Path | None = None
    ca_file: Path | None = None
    reply_timeout: float = 600.0

    @property
    def attempt_seconds(self) -> float:
        """The most seconds that one attempt may take, from connecting to the last reply."""
        return 8 * self.timeout + self.reply_timeout


def with_preset(server: MailServer, provider: str) -> MailServer:
    """Return `server` as a provider wants it. Raises ConfigError when it lacks what is needed."""
    if provider == RELAY:
        return server
    host, port, security = _GMAIL
    if server.user is None:
        raise ConfigError("RETENTION_MAIL_USER", "is missing", "Set it to the Gmail address.")
    server = replace(server, host=host, port=port, security=security)
    if provider == GMAIL_OAUTH2:
        return replace(server, password=None)
    return replace(server, oauth2_file=None)


def is_loopback(host: str) -> bool:
    """Return whether a host name can only mean this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_server(server: MailServer) -> None:
    """Raise ConfigError for a server that we must not talk to as configured.

    What is missing is an error here, before yagmail would ask for it on the terminal.
    """
    if server.security == "plain" and not is_loopback(server.host):
        raise ConfigError(
            "RETENTION_MAIL_SECURITY",
            f"'plain' is not allowed for {server.host}",
            "Use 'tls' or 'starttls'; plain is for loopback only.",
        )
    if server.oauth2_file is not None:
        _check_token_file(server, server.oauth2_file)
    elif server.user and not server.password:
        raise ConfigError(
            "RETENTION_MAIL_PASSWORD", "is missing", "Set it, or remove RETENTION_MAIL_USER."
        )


def _check_token_file(server: MailServer, path: Path) -> None:
    where = "RETENTION_MAIL_OAUTH2_FILE"
    if server.security != "tls":
        raise ConfigError(where, "needs 'tls'", "Set RETENTION_MAIL_SECURITY=tls.")
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(
            where, f"cannot be read ({type(error).__name__})", "Make it with yagmail first."
        ) from error
    missing = sorted(_TOKEN_FIELDS - (found.keys() if isinstance(found, dict) else set()))
    if missing:
        raise ConfigError(where, f"lacks {', '.join(missing)}", "Make it with yagmail first.")
