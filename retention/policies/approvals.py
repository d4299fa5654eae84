"""guards.yaml, under `approvals`: what approvals are worth."""

from pydantic import ConfigDict, Field

from retention.domain.dates import Period
from retention.playbooks.fields import PeriodText
from retention.yaml_files import PolicyModel


class ApprovalsDoc(PolicyModel):
    """How long an approval counts, when a decision is overdue, and how much goes in bulk.

    An approval ages while its message could leave; `longest_days` after it was given it is over
    even if a rule has kept the message all the time.
    """

    valid_hours: int = Field(72, ge=1, le=24 * 30)
    longest_days: int = Field(21, ge=1, le=366)
    escalate_after: PeriodText = Period(3, workdays=True)
    bulk: int = Field(20, ge=1, le=20)


class ApprovalsOnly(PolicyModel):
    """`guards.yaml` for who only lists what waits: the other sections are not looked at."""

    model_config = ConfigDict(extra="ignore")

    approvals: ApprovalsDoc = ApprovalsDoc()
