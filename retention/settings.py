"""What is set from outside: `RETENTION_*` variables, or a `.env` file."""

import os
import secrets
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from retention.domain.webhooks import may_be_posted_to

_PACKAGE = Path(__file__).parent


def shipped(name: str) -> Path:
    """Return a file or folder of the checkout, or its copy inside an installed wheel."""
    installed = _PACKAGE / "shipped" / name
    return installed if installed.exists() else _PACKAGE.parent / name


def _postable(url: SecretStr | None) -> SecretStr | None:
    """The address itself is a secret: whoever knows it may write into the chat."""
    if url is not None and not may_be_posted_to(url.get_secret_value()):
        raise ValueError("it is no https address (http is for this machine only)")
    return url


class Settings(BaseSettings):
    """Where things are and whom to talk to. Policy lives in `config_dir`, not here."""

    model_config = SettingsConfigDict(env_prefix="RETENTION_", env_file=".env", extra="ignore")

    state_dir: Path = Field(Path("var"), description="snapshots, the default database, run files")
    config_dir: Path = Field(default_factory=lambda: shipped("config"))
    templates_dir: Path = Field(default_factory=lambda: shipped("templates"))
    deployments_file: Path = Field(default_factory=lambda: shipped("prefect.yaml"))
    automations_file: Path = Field(default_factory=lambda: shipped("automations.yaml"))
    database_url: str | None = Field(
        None, description="SQLAlchemy URL; SQLite in state_dir if unset"
    )
    timezone: str = Field("Europe/Madrid", description="the company's time zone (IANA)")
    company_name: str = Field("Example Company", description="as customers read it")

    mail_provider: Literal["relay", "gmail", "gmail_oauth2"] = Field(
        "relay", description="gmail: an app password; gmail_oauth2: a token file of yagmail"
    )
    mail_host: str = Field("127.0.0.1")
    mail_port: int = Field(1025, ge=1, le=65535)
    mail_security: Literal["tls", "starttls", "plain"] = Field(
        "starttls", description="plain is accepted for loopback only"
    )
    mail_user: str | None = None
    mail_password: SecretStr | None = None
    mail_oauth2_file: Path | None = None
    mail_timeout_seconds: float = Field(60.0, gt=0, le=900, description="for each verb")
    mail_reply_seconds: float = Field(
        600.0, gt=0, le=3600, description="for the reply after the data; too short makes copies"
    )
    mail_ca_file: Path | None = Field(None, description="trust this authority besides the system's")

    mail_from: str = Field("accounts@example.com", description="sender of notices and service")
    mail_news_from: str = Field("news@example.com", description="sender of what can be declined")
    mail_reply_to: str | None = Field(
        None, description="mailbox that 'retention inbox' reads; else replies go to the owner only"
    )
    mail_bounces_to: str | None = Field(
        None, description="mailbox for bounces; a token is added to its local part"
    )
    mail_postal_address: str = Field("", description="ours, shown in commercial messages")
    public_url: str | None = Field(
        None,
        pattern=r"^(https://[a-z0-9.-]+|http://(127\.0\.0\.1|localhost))(:\d+)?(/.*)?$",
        description="of the customers' pages; plain http only on this machine",
    )
    secret_key: SecretStr | None = Field(
        None, description="makes the tokens in messages; kept in the state folder if unset"
    )
    inbox: str | None = Field(
        None, description="where answers arrive: maildir:PATH, folder:PATH or imaps://USER@HOST"
    )
    inbox_password: SecretStr | None = None

    console_host: str = Field("127.0.0.1", description="where the console listens")
    console_port: int = Field(8321, ge=1, le=65535)
    console_url: str | None = Field(
        None,
        pattern=r"^https://[a-z0-9.-]+(:\d+)?$",
        description="the console's address behind a proxy; cookies are then __Host- and Secure",
    )
    console_proxies: str = Field(
        "127.0.0.1", description="addresses of proxies whose X-Forwarded-For is believed, by comma"
    )
    oidc_issuer: str | None = Field(
        None, description="OpenID Connect: the identity provider; people are found by their address"
    )
    oidc_client_id: str = ""
    oidc_client_secret: SecretStr | None = None

    lease_minutes: float = Field(
        5, gt=0, description="how long a night is taken for alive after its last sign of life"
    )

    shard_customers: int = Field(
        100_000, ge=1, description="how many customers are measured and scored at once, about"
    )
    parallel_shards: int = Field(2, ge=1, le=64, description="shards at once on this machine")
    dask_address: str | None = Field(
        None, description="a Dask scheduler that scores shards; its workers see the state folder"
    )
    memory: str = Field(
        "4GB", pattern=r"^\d+(\.\d+)?\s?(MB|GB|TB)$", description="limit while sources are read"
    )

    team_chat_url: SecretStr | None = Field(
        None, description="an incoming webhook of the team's chat; each morning it gets counts"
    )
    _chat = field_validator("team_chat_url")(_postable)

    audit_heads: Path | None = Field(
        None, description="file to which each night appends the audit's head; best elsewhere"
    )

    @property
    def database(self) -> str:
        """The database URL in force."""
        return self.database_url or f"sqlite:///{self.state_dir.resolve() / 'retention.db'}"

    @property
    def snapshots_dir(self) -> Path:
        """Where snapshots are written, one folder per business date."""
        return self.state_dir / "snapshots"

    @property
    def staging_dir(self) -> Path:
        """Where the company's rows are while a night is at work; removed afterwards."""
        return self.state_dir / "staging"

    @property
    def models_dir(self) -> Path:
        """Where models are kept."""
        return self.state_dir / "models"

    @property
    def token_key(self) -> bytes:
        """The key of the tokens in messages: the configured one, or one made once and kept."""
        if self.secret_key is not None:
            return self.secret_key.get_secret_value().encode()
        path = self.state_dir / "token.key"
        if not path.exists():
            if not self.state_dir.is_dir():
                return _for_now()  # who only looks leaves nothing behind
            partial = path.with_suffix(f".{os.getpid()}")
            partial.touch(mode=0o600)
            partial.write_bytes(secrets.token_hex(32).encode())
            with suppress(FileExistsError):
                os.link(partial, path)  # whoever is first has made it
            partial.unlink()
        return path.read_bytes()

    @property
    def prefect_dir(self) -> Path:
        """Where Prefect keeps its own files: one home for each company."""
        return self.state_dir.resolve() / "prefect"

    @property
    def failures_dir(self) -> Path:
        """Where the full story of a failed step is; Prefect and its logs get a sentence."""
        return self.state_dir / "failures"

    @property
    def stop_file(self) -> Path:
        """While this file exists nothing is sent, even when the database is down."""
        return self.state_dir / "STOP"


@lru_cache(maxsize=1)
def _for_now() -> bytes:
    """A key for this process only."""
    return secrets.token_hex(32).encode()


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """Return the settings of this process, read once."""
    return Settings()
