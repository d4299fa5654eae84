"""alerts.yaml: when ops hear of what is late, and how often. The file may be missing."""

from datetime import time, timedelta

from pydantic import Field

from retention.domain.alerts import AlertRules
from retention.yaml_files import PolicyModel


class AlertsDoc(PolicyModel):
    """Times are the company's."""

    night_by: time = time(7)
    rounds_within_minutes: int = Field(60, ge=15)
    approved_within_hours: int = Field(24, ge=1)
    mails_per_day: int = Field(12, ge=1, le=500)

    def to_rules(self) -> AlertRules:
        """Return the rules."""
        return AlertRules(
            night_by=self.night_by,
            rounds_within=timedelta(minutes=self.rounds_within_minutes),
            approved_within=timedelta(hours=self.approved_within_hours),
            mails_per_day=self.mails_per_day,
        )
