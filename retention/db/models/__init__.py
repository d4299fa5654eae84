"""The state that must survive: runs, cases, actions, approvals, messages, and the audit.

Primary keys of business records are derived from what they stand for (see domain.keys), so a
repeated night writes the same rows. Dates (`*_on`) are business dates; moments (`*_at`) are aware.
"""

from retention.db.models.actions import (
    Action,
    AgreedCall,
    Approval,
    Comment,
    Delegation,
    Offer,
    Receipt,
    Rendering,
    Viewing,
)
from retention.db.models.audit import AuditEvent, AuditRecord
from retention.db.models.cases import (
    Case,
    CaseEvent,
    Confirmation,
    Exclusion,
    Handover,
    Holdout,
    PlaybookVersion,
    Waiver,
)
from retention.db.models.console import (
    Account,
    Claim,
    Draft,
    SavedView,
    SignInAttempt,
    SignInLink,
    WebSession,
)
from retention.db.models.customer_pages import (
    ApiKey,
    CustomerLink,
    InstalmentPlan,
    Preference,
    ReceivedEvent,
    Submission,
    WebhookDelivery,
    WebhookEvent,
)
from retention.db.models.foundation import Base
from retention.db.models.messages import DeadAddress, DeliveryAttempt, Incoming, Message
from retention.db.models.runs import Alert, Batch, GateOverride, Round, Run, Switch

__all__ = [
    "Account",
    "Action",
    "AgreedCall",
    "Alert",
    "ApiKey",
    "Approval",
    "AuditEvent",
    "AuditRecord",
    "Base",
    "Batch",
    "Case",
    "CaseEvent",
    "Claim",
    "Comment",
    "Confirmation",
    "CustomerLink",
    "DeadAddress",
    "Delegation",
    "DeliveryAttempt",
    "Draft",
    "Exclusion",
    "GateOverride",
    "Handover",
    "Holdout",
    "Incoming",
    "InstalmentPlan",
    "Message",
    "Offer",
    "PlaybookVersion",
    "Preference",
    "Receipt",
    "ReceivedEvent",
    "Rendering",
    "Round",
    "Run",
    "SavedView",
    "SignInAttempt",
    "SignInLink",
    "Submission",
    "Switch",
    "Viewing",
    "Waiver",
    "WebSession",
    "WebhookDelivery",
    "WebhookEvent",
]
