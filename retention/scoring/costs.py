"""`costs.yaml`: unit costs with their uncertainty."""

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from retention.policy import PolicyModel, read_policy


class Rate(PolicyModel):
    """A cost per unit: lowest, most likely and highest."""

    low: float = Field(ge=0, allow_inf_nan=False)
    likely: float = Field(ge=0, allow_inf_nan=False)
    high: float = Field(ge=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.low <= self.likely <= self.high:
            raise ValueError("low, likely and high must not fall")
        return self


class Costs(PolicyModel):
    """All unit costs, in one currency."""

    currency: str = Field(pattern="^[A-Z]{3}$")
    activities: dict[str, Rate]
    reminder: Rate
    credit_loss: Rate
    capital: Rate


def load_costs(path: Path) -> Costs:
    """Read costs.yaml. Raises ConfigError with file and line."""
    return read_policy(path, Costs)
