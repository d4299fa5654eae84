"""Every table: for migrations, seals, and what looks at the whole database."""

from retention.db.models.audit import AuditEvent, AuditRecord
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
from retention.db.models.exemptions import Exclusion, Handover, Holdout, Waiver
from retention.db.models.foundation import Base
from retention.db.models.incoming import DeadAddress, Incoming
from retention.db.models.runs import Alert, Batch, GateOverride, Round, Run
from retention.db.models.switches import Switch
from retention.db.models.team import Delegation
from retention.db.models.work.actions import (
    Action,
    AgreedCall,
    Approval,
    Comment,
    Offer,
    Receipt,
    Rendering,
    Viewing,
)
from retention.db.models.work.cases import Case, CaseEvent, Confirmation, PlaybookVersion
from retention.db.models.work.messages import DeliveryAttempt, Message

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
