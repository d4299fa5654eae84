"""The base of all tables: constraint names, and how types are stored."""

from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from sqlalchemy import JSON, MetaData
from sqlalchemy.orm import DeclarativeBase

from retention.db.types import Money, UtcDateTime, by_value
from retention.domain.actions import ActionKind, ActionState, Purpose
from retention.domain.alerts import TroubleKind
from retention.domain.approving import ReasonCode
from retention.domain.cases import CaseEventKind, CaseState
from retention.domain.customer_pages import Doubt, PagePurpose, Said
from retention.domain.decision_kinds import DecisionKind
from retention.domain.exclusions import ExclusionKind, ExclusionReason
from retention.domain.handovers import HandoverState
from retention.domain.holdouts import Arm
from retention.domain.incoming import IncomingKind
from retention.domain.instalments import PlanState
from retention.domain.limits import BatchState
from retention.domain.messages import MessageClass, MessageState, SendPolicy
from retention.domain.offers import OfferKind, OfferState, VoidReason
from retention.domain.people import Role
from retention.domain.runs import RoundState, RunState
from retention.domain.stages import PlaybookName, Stage
from retention.domain.waivers import WaiverState

_ENUMS = (
    PlaybookName,
    Stage,
    CaseState,
    CaseEventKind,
    ActionKind,
    Purpose,
    ActionState,
    DecisionKind,
    MessageState,
    MessageClass,
    SendPolicy,
    RunState,
    RoundState,
    TroubleKind,
    Role,
    ReasonCode,
    ExclusionKind,
    ExclusionReason,
    HandoverState,
    Arm,
    IncomingKind,
    BatchState,
    OfferKind,
    OfferState,
    VoidReason,
    WaiverState,
    PagePurpose,
    Said,
    Doubt,
    PlanState,
)


class Base(DeclarativeBase):
    """Base of all tables; constraints have stable names for migrations."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UtcDateTime,
        Decimal: Money,
        dict[str, Any]: JSON,
        dict[str, str]: JSON,
        list[str]: JSON,
        **{enum: by_value(enum) for enum in _ENUMS},
    }
