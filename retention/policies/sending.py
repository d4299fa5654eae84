"""The shape of `sending.yaml`: when and how fast messages leave."""

from datetime import time, timedelta
from typing import Self

from pydantic import Field, field_validator, model_validator

from retention.domain.messages import MessageClass
from retention.domain.sending import DeadAtOnce, ErrorRate, Frequency, Hours, Pace, SendingRules
from retention.yaml_files import PolicyModel


class HoursDoc(PolicyModel):
    """The recipient's hours."""

    opens: time = time(9)
    closes: time = time(19)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not time(8) <= self.opens < self.closes <= time(21):
            raise ValueError("give hours between 08:00 and 21:00, in that order")
        return self


class FrequencyDoc(PolicyModel):
    """At most so many messages within so many days."""

    messages: int = Field(ge=1, le=100)
    days: int = Field(ge=1, le=366)


class PaceDoc(PolicyModel):
    """How fast we may be."""

    per_second: float = Field(5.0, gt=0, le=100_000)
    per_domain: float = Field(2.0, gt=0, le=100_000)
    connections: int = Field(2, ge=1, le=20)
    messages_per_connection: int = Field(100, ge=1)


class ErrorsDoc(PolicyModel):
    """When sending stops by itself."""

    share: float = Field(0.2, gt=0, le=1)
    among: int = Field(20, ge=1)
    minutes: int = Field(60, ge=1, le=24 * 60)


class DeadAtOnceDoc(PolicyModel):
    """How many addresses of one provider may die within an hour before it is held to be us."""

    addresses: int = Field(10, ge=2, le=10_000)
    share: float = Field(0.2, gt=0, le=1)


class SendingDoc(PolicyModel):
    """`sending.yaml`."""

    hours: HoursDoc = HoursDoc()
    frequency: dict[MessageClass, FrequencyDoc] = Field(default_factory=dict)
    daily_quota: int = Field(2000, ge=1)
    pace: PaceDoc = PaceDoc()
    errors: ErrorsDoc = ErrorsDoc()
    hosts: tuple[str, ...] = ()
    soft_bounces: int = Field(3, ge=1, le=20)
    dead_at_once: DeadAtOnceDoc = DeadAtOnceDoc()
    newest_night_days: int = Field(7, ge=1, le=60)
    undo_minutes: int = Field(0, ge=0, le=24 * 60)

    @field_validator("frequency")
    @classmethod
    def _never_a_notice(
        cls, found: dict[MessageClass, FrequencyDoc]
    ) -> dict[MessageClass, FrequencyDoc]:
        if MessageClass.LEGAL_NOTICE in found:
            raise ValueError("a legal notice is never held up by a cap")
        return found

    @field_validator("hosts")
    @classmethod
    def _plain_hosts(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        for host in hosts:
            labels = host.split(".")
            if not host.isascii() or any(label.startswith("xn--") for label in labels):
                raise ValueError(f"'{host}' is not plain ASCII: letters that look alike mislead")
            if host != host.lower() or len(labels) < 2 or "" in labels:  # noqa: PLR2004
                raise ValueError(f"'{host}' is no host name; write for example www.example.com")
        return hosts

    def to_rules(self) -> SendingRules:
        """Return the rules as the domain sees them."""
        caps = {cls: Frequency(cap.messages, cap.days) for cls, cap in self.frequency.items()}
        return SendingRules(
            hours=Hours(self.hours.opens, self.hours.closes),
            frequency=caps,
            daily_quota=self.daily_quota,
            pace=Pace(**self.pace.model_dump()),
            errors=ErrorRate(**self.errors.model_dump()),
            hosts=frozenset(self.hosts),
            soft_bounces=self.soft_bounces,
            dead_at_once=DeadAtOnce(**self.dead_at_once.model_dump()),
            newest_night=self.newest_night_days,
            undo=timedelta(minutes=self.undo_minutes),
        )
