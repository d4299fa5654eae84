"""Where the parts are joined: settings become an engine, policies, places and a mail server."""

from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache

from sqlalchemy import Engine

from retention.db.session import make_engine
from retention.mail.transport import MailServer
from retention.services.composing import Sender
from retention.services.places import Places
from retention.services.policies import Policies, load_policies
from retention.settings import Settings, environment, get_settings


@dataclass(frozen=True, slots=True)
class Workshop:
    """Everything an edge (a task, a command) hands to services."""

    settings: Settings
    engine: Engine
    policies: Policies
    places: Places
    sender: Sender
    mail: MailServer
    lease: timedelta


@lru_cache(maxsize=1)
def get_workshop() -> Workshop:
    """Return this process's workshop. Raises ConfigError when a policy file is broken."""
    return build_workshop(get_settings())


def build_workshop(settings: Settings) -> Workshop:
    """Join the parts for `settings`."""
    policies = load_policies(settings.config_dir, settings.templates_dir)
    return Workshop(
        settings=settings,
        engine=make_engine(settings.database),
        policies=policies,
        places=Places(
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
        sender=Sender(
            settings.company_name,
            settings.mail_from,
            policies.costs.currency,
            settings.timezone,
            settings.templates_dir,
        ),
        mail=mail_server(settings),
        lease=timedelta(minutes=settings.lease_minutes),
    )


def mail_server(settings: Settings) -> MailServer:
    """Return the configured mail server."""
    password = settings.mail_password
    return MailServer(
        host=settings.mail_host,
        port=settings.mail_port,
        security=settings.mail_security,
        timeout=settings.mail_timeout_seconds,
        user=settings.mail_user,
        password=password.get_secret_value() if password else None,
        ca_file=settings.mail_ca_file,
    )


def reset() -> None:
    """Forget the cached settings and workshop: the environment has changed."""
    get_workshop.cache_clear()
    get_settings.cache_clear()
