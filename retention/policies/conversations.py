"""conversations.yaml: what we owe a customer who talks to us. The file may be missing."""

from datetime import timedelta
from typing import Self

from pydantic import Field, model_validator

from retention.domain.conversations import THREE_DAYS, CallWindow, ConversationRules
from retention.playbooks.fields import PeriodText
from retention.yaml_files import PolicyModel


class CallsDoc(PolicyModel):
    """Between which times a call may be agreed for."""

    soonest_hours: float = Field(2, ge=0, le=24 * 14)
    latest_days: int = Field(120, ge=1, le=366)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.soonest_hours >= self.latest_days * 24:
            raise ValueError("the soonest call lies after the latest one")
        return self


class ConversationsDoc(PolicyModel):
    """`conversations.yaml`."""

    answer_within: PeriodText = THREE_DAYS
    contested_hold_days: int = Field(60, ge=1, le=732)
    accepted_shows_days: int = Field(90, ge=0, le=732)
    calls: CallsDoc = CallsDoc()
    instalments: int = Field(3, ge=1, le=24)

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
        )
