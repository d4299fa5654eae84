"""`costs.yaml`: unit costs with their uncertainty, and how profit is judged."""

from datetime import date
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from retention.yaml_files import PolicyModel, read_policy


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

    @property
    def scenarios(self) -> tuple[float, float, float]:
        """Low, likely, high."""
        return self.low, self.likely, self.high


class DunningStep(Rate):
    """One step of collection: how long after the due date, and what it costs."""

    after_days: int = Field(ge=1, le=365)


class ExchangeRate(PolicyModel):
    """Units of the company's currency for one unit of another, from a day on."""

    from_on: date = Field(alias="from")
    rate: float = Field(gt=0, allow_inf_nan=False)


class Tiers(PolicyModel):
    """Cumulative shares of the profitable customers, by rank (Zeithaml, Rust and Lemon, 2001)."""

    platinum: float = Field(gt=0, lt=1)
    gold: float = Field(gt=0, lt=1)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.platinum >= self.gold:
            raise ValueError("gold must be a larger share than platinum, which it includes")
        return self


class Horizon(PolicyModel):
    """How far the projected value looks ahead, and the discount of a year."""

    months: int = Field(ge=1, le=120)
    discount: float = Field(ge=0, lt=1)


class Retaining(PolicyModel):
    """Cost and effect of an attempt to keep somebody who is about to leave."""

    contact: float = Field(ge=0, allow_inf_nan=False)
    incentive: float = Field(ge=0, allow_inf_nan=False)
    accepts: float = Field(gt=0, le=1)


class Costs(PolicyModel):
    """The whole file; all amounts in one currency."""

    currency: str = Field(pattern="^[A-Z]{3}$")
    activities: dict[str, Rate]
    severity: dict[str, float] = Field(default_factory=dict)
    dunning: tuple[DunningStep, ...] = ()
    credit_loss: Rate
    capital: Rate
    winsorise: float = Field(0.999, gt=0.9, le=1)
    exchange_rates: dict[str, tuple[ExchangeRate, ...]] = Field(default_factory=dict)
    tiers: Tiers = Tiers(platinum=0.05, gold=0.20)
    horizon: Horizon = Horizon(months=36, discount=0.08)
    retaining: Retaining = Retaining(contact=12.0, incentive=25.0, accepts=0.3)

    @property
    def dunning_days(self) -> tuple[int, ...]:
        """Days past due of each step of collection."""
        return tuple(step.after_days for step in self.dunning)

    def rates(self) -> dict[str, list[tuple[date, float]]]:
        """Return the exchange rates by currency, each with the day from which it holds."""
        return {
            currency: [(change.from_on, change.rate) for change in changes]
            for currency, changes in self.exchange_rates.items()
        }


def load_costs(path: Path) -> Costs:
    """Read costs.yaml. Raises ConfigError with file and line."""
    return read_policy(path, Costs)
