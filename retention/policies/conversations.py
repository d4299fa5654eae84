"""conversations.yaml: what we owe a customer who talks to us. The file may be missing."""

from datetime import time, timedelta
from decimal import Decimal
from typing import Self

from pydantic import Field, model_validator

from retention.domain.conversations import THREE_DAYS, CallWindow, ConversationRules, Doubts, Slots
from retention.playbooks.fields import PeriodText
from retention.yaml_files import PolicyModel


class CallsDoc(PolicyModel):
    """Between which times a call may be agreed for."""

    soonest_hours: float = Field(2, ge=0, le=24 * 14)
    latest_days: int = Field(120, ge=1, le=366)
    opens: time = time(9, 30)
    closes: time = time(17, 30)
    minutes: int = Field(30, ge=10, le=240)
    days_ahead: int = Field(10, ge=1, le=60)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.soonest_hours >= self.latest_days * 24:
            raise ValueError("the soonest call lies after the latest one")
        if self.opens >= self.closes:
            raise ValueError("calls end before they begin: give 'opens' before 'closes'")
        return self


class PagesDoc(PolicyModel):
    """How answers on pages count."""

    grace_hours: float = Field(24, ge=0, le=24 * 14)
    after_delivery_seconds: float = Field(30, ge=0, le=3600)
    reading_seconds: float = Field(2, ge=0, le=60)


class ConversationsDoc(PolicyModel):
    """`conversations.yaml`."""

    answer_within: PeriodText = THREE_DAYS
    contested_hold_days: int = Field(60, ge=1, le=732)
    accepted_shows_days: int = Field(90, ge=0, le=732)
    calls: CallsDoc = CallsDoc()
    instalments: int = Field(3, ge=1, le=24)
    least_part: Decimal = Field(Decimal(10), gt=0)
    pages: PagesDoc = PagesDoc()

    def to_rules(self) -> ConversationRules:
        """Return the rules."""
        window = CallWindow(
            timedelta(hours=self.calls.soonest_hours), timedelta(days=self.calls.latest_days)
        )
        return ConversationRules(
            answer_within=self.answer_within,
            contested_hold=timedelta(days=self.contested_hold_days),
            accepted_shows=timedelta(days=self.accepted_shows_days),
            calls=window,
            instalments=self.instalments,
            least_part=self.least_part,
            grace=timedelta(hours=self.pages.grace_hours),
            slots=Slots(
                self.calls.opens,
                self.calls.closes,
                timedelta(minutes=self.calls.minutes),
                self.calls.days_ahead,
            ),
            doubts=Doubts(
                timedelta(seconds=self.pages.after_delivery_seconds),
                timedelta(seconds=self.pages.reading_seconds),
            ),
        )
