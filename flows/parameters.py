"""What a person can set when starting a flow; Prefect shows it as a form."""

from datetime import date
from typing import Literal

from pydantic import BaseModel, Field


class NightlyParameters(BaseModel):
    """Parameters of the nightly flow."""

    as_of: date | None = Field(
        default=None,
        title="Business date",
        description="The day whose complete data is used. Empty: yesterday, in the company's zone.",
        json_schema_extra={"position": 0},
    )
    take_over: bool = Field(
        default=False,
        title="Take over a killed run",
        description="Only when the process that holds this date is known to be dead.",
        json_schema_extra={"position": 1},
    )
    late: Literal["refuse", "allow", "backfill"] = Field(
        default="refuse",
        title="A date that is late",
        description="Refuse it; run it all the same; or only score it and decide nothing.",
        json_schema_extra={"position": 2},
    )
    plan: str | None = Field(
        default=None,
        title="Digest of a plan",
        description="The night is stored only if it does exactly what that plan says.",
        json_schema_extra={"position": 3},
    )


class WeeklyParameters(BaseModel):
    """Parameters of the weekly flows."""

    as_of: date | None = Field(
        default=None,
        title="Business date",
        description="Nothing after this day is used. Empty: yesterday, in the company's zone.",
        json_schema_extra={"position": 0},
    )


class InboxParameters(BaseModel):
    """Parameters of the inbox flow."""

    limit: int = Field(
        default=500,
        ge=1,
        le=10_000,
        title="At most",
        description="How many messages one round may read.",
        json_schema_extra={"position": 0},
    )


class DeliverParameters(BaseModel):
    """Parameters of the delivery flow."""

    limit: int = Field(
        default=500,
        ge=1,
        le=10_000,
        title="At most",
        description="How many messages one round may send.",
        json_schema_extra={"position": 0},
    )
