"""webhooks.yaml: who is told of what, and who tells us. The file may be missing."""

import re
from collections.abc import Mapping

from pydantic import Field, field_validator

from retention.domain.errors import ConfigError
from retention.domain.webhooks import Receiver, may_be_posted_to
from retention.policies.patterns import ID
from retention.yaml_files import PolicyModel

_VARIABLE = re.compile(r"\$\{([A-Z][A-Z0-9_]*)\}")
_SHORTEST = 16


def checked_url(url: str) -> str:
    """Return an address that may be posted to: https, or this machine. Raises ValueError."""
    if not may_be_posted_to(url):
        raise ValueError(f"'{url}' is no https address (http is for this machine only)")
    return url


class ReceiverDoc(PolicyModel):
    """One system that is told. Secrets are variables of the environment: `${NAME}`."""

    name: str = Field(pattern=ID)
    url: str
    secrets: tuple[str, ...] = Field(min_length=1)
    kinds: tuple[str, ...] = ()

    _url = field_validator("url")(checked_url)


class WebhooksDoc(PolicyModel):
    """`webhooks.yaml`. What another system has told us holds things back for `event_hold_days`."""

    receivers: tuple[ReceiverDoc, ...] = ()
    event_hold_days: int = Field(4, ge=1, le=31)

    def to_receivers(self, environment: Mapping[str, str]) -> tuple[Receiver, ...]:
        """Return the receivers with their secrets. Raises ConfigError for one that is not set."""
        return tuple(
            Receiver(
                r.name,
                r.url,
                tuple(
                    secret_of(text, environment, f"webhooks.yaml: {r.name}") for text in r.secrets
                ),
                frozenset(r.kinds),
            )
            for r in self.receivers
        )


def secret_of(text: str, environment: Mapping[str, str], where: str) -> str:
    """Return the secret that a variable holds. Raises ConfigError."""
    named = _VARIABLE.fullmatch(text)
    if named is None:
        raise ConfigError(where, "a secret stands in the file", "Write ${NAME}, and set NAME.")
    found = environment.get(named[1], "")
    if len(found) < _SHORTEST:
        said = "is not set" if not found else f"has fewer than {_SHORTEST} characters"
        raise ConfigError(where, f"{named[1]} {said}", "Set it in the environment.")
    return found
