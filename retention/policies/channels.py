"""channels.yaml: the gateways for texts. The file may be missing."""

from collections.abc import Mapping

from pydantic import Field, field_validator

from retention.domain.gateways import Gateway
from retention.policies.patterns import ID
from retention.policies.webhooks import checked_url, secret_of
from retention.yaml_files import PolicyModel


class GatewayDoc(PolicyModel):
    """One gateway. Secrets are variables of the environment: `${NAME}`."""

    name: str = Field(pattern=ID)
    url: str
    secrets: tuple[str, ...] = Field(min_length=1)

    _url = field_validator("url")(checked_url)


class ChannelsDoc(PolicyModel):
    """`channels.yaml`."""

    gateways: tuple[GatewayDoc, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        """The channels that there are."""
        return frozenset(gateway.name for gateway in self.gateways)

    def to_gateways(self, environment: Mapping[str, str]) -> dict[str, Gateway]:
        """Return the gateways by name. Raises ConfigError for a secret that is not set."""
        return {
            g.name: Gateway(
                g.name,
                g.url,
                tuple(secret_of(s, environment, f"channels.yaml: {g.name}") for s in g.secrets),
            )
            for g in self.gateways
        }
