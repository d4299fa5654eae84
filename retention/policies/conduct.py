"""conduct.yaml: which ticket tags are a sign of what."""

from enum import StrEnum

from pydantic import Field

from retention.yaml_files import PolicyModel


class Sign(StrEnum):
    """What a ticket tag may be a sign of."""

    SHIFTING_DEMANDS = "shifting_demands"
    WANTS_ATTENTION = "wants_attention"
    UNREACHABLE = "unreachable"
    DISHONEST = "dishonest"
    ABUSIVE = "abusive"
    UNREASONABLE = "unreasonable"
    COMPLAINS_TO_ALL = "complains_to_all"
    DOES_NOT_LISTEN = "does_not_listen"


class ConductDoc(PolicyModel):
    """`conduct.yaml`."""

    tags: dict[str, Sign] = Field(default_factory=dict)
