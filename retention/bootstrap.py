"""Where the parts are joined: settings become an engine, policies, folders and a mail server."""

from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache

from sqlalchemy import Engine

from retention.db.session import make_engine
from retention.delivery.mail_server import MailServer, with_preset
from retention.domain.gateways import Gateway
from retention.domain.webhooks import Receiver
from retention.environment import environment
from retention.messages.sender import Sender
from retention.policies.load import Policies, load_policies
from retention.settings import Settings, get_settings
from retention.snapshots.folders import Folders


@dataclass(frozen=True, slots=True)
class Application:
    """Everything an edge (a task, a command) hands to services."""

    settings: Settings
    engine: Engine
    policies: Policies
    folders: Folders
    sender: Sender
    mail: MailServer
    lease: timedelta
    receivers: tuple[Receiver, ...] = ()
    gateways: dict[str, Gateway] = field(default_factory=dict)


@lru_cache(maxsize=1)
def get_application() -> Application:
    """Return this process's workshop. Raises ConfigError when a policy file is broken."""
    return build_application(get_settings())


def build_application(settings: Settings) -> Application:
    """Join the parts for `settings`."""
    policies = load_policies(settings.config_dir, settings.templates_dir)
    return Application(
        settings=settings,
        engine=make_engine(settings.database),
        policies=policies,
        folders=Folders(
            snapshots=settings.snapshots_dir,
            templates=settings.templates_dir,
            timezone=settings.timezone,
            environment=environment(),
            staging=settings.staging_dir,
            models=settings.models_dir,
            shard_customers=settings.shard_customers,
            parallel_shards=settings.parallel_shards,
            memory=settings.memory,
        ),
        sender=make_sender(settings, policies),
        mail=mail_server(settings),
        lease=timedelta(minutes=settings.lease_minutes),
        receivers=policies.webhooks.to_receivers(environment()),
        gateways=policies.channels.to_gateways(environment()),
    )


def make_sender(settings: Settings, policies: Policies) -> Sender:
    """Return who we are in messages."""
    return Sender(
        company=settings.company_name,
        address=settings.mail_from,
        news_address=settings.mail_news_from,
        currency=policies.costs.currency,
        timezone=settings.timezone,
        templates=settings.templates_dir,
        token_key=settings.token_key,
        replies_to=settings.mail_reply_to,
        bounces_to=settings.mail_bounces_to,
        postal_address=settings.mail_postal_address,
        public_url=settings.public_url,
        console_url=settings.console_url,
        hosts=policies.sending.hosts,
        brand=policies.brand,
    )


def mail_server(settings: Settings) -> MailServer:
    """Return the configured mail server. Raises ConfigError when its provider's preset lacks."""
    password = settings.mail_password
    server = MailServer(
        host=settings.mail_host,
        port=settings.mail_port,
        security=settings.mail_security,
        timeout=settings.mail_timeout_seconds,
        user=settings.mail_user,
        password=password.get_secret_value() if password else None,
        oauth2_file=settings.mail_oauth2_file,
        ca_file=settings.mail_ca_file,
        reply_timeout=settings.mail_reply_seconds,
    )
    return with_preset(server, settings.mail_provider)


def reset() -> None:
    """Forget the cached settings and workshop: the environment has changed."""
    get_application.cache_clear()
    get_settings.cache_clear()
