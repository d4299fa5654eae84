"""The shapes of what we are told; the page of the interface is made from them."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal, get_args

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator

Name120 = Annotated[str, Field(min_length=1, max_length=120)]
Name200 = Annotated[str, Field(min_length=1, max_length=200)]


class _Event(BaseModel):
    """What every event says. `id` is the sender's own: the same one twice is one event."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    id: Name120
    customer_id: Name200
    occurred_at: AwareDatetime

    @field_validator("occurred_at")
    @classmethod
    def _of_our_time(cls, at: datetime) -> datetime:
        if not 2000 <= at.year <= 2100:  # noqa: PLR2004 - further away clocks are wrong
            raise ValueError("is no moment of our time")
        return at

    @field_validator("*")
    @classmethod
    def _plain(cls, value: object) -> object:
        if isinstance(value, str) and any(ord(c) < 32 and c not in "\n\t" for c in value):  # noqa: PLR2004
            raise ValueError("holds control characters")
        return value


class Paid(_Event):
    """Something was paid: nothing that speaks of debt, and nothing adverse, leaves today."""

    type: Literal["paid"]
    amount: Decimal = Field(gt=0, max_digits=14, decimal_places=2)
    currency: str = Field(pattern="^[A-Z]{3}$")


class ComplaintOpened(_Event):
    """The customer complains: everything waits until the complaint is closed."""

    type: Literal["complaint_opened"]
    ticket_id: Name200


class ComplaintClosed(_Event):
    """A complaint is closed: what waited for it goes on."""

    type: Literal["complaint_closed"]
    ticket_id: Name200


class ContractChanged(_Event):
    """The contract is different now: an accepted offer that it shows is confirmed."""

    type: Literal["contract_changed"]
    monthly_fee: Decimal | None = Field(None, ge=0, max_digits=14, decimal_places=2)
    billing: Literal["prepaid", "postpaid"] | None = None


class AddressChanged(_Event):
    """The customer has another address: nothing leaves for the old one."""

    type: Literal["address_changed"]


class CallHeld(_Event):
    """A call took place: whoever looks after the customer sees it beside their task."""

    type: Literal["call_held"]
    with_whom: str = Field("", max_length=200)
    reached: bool = True
    note: str = Field("", max_length=2000)


class LetterSignedFor(_Event):
    """A registered letter was handed over: its proof is on record, a notice's clock begins."""

    type: Literal["letter_signed_for"]
    reference: str = Field(min_length=8, max_length=36, pattern="^[0-9a-fA-F-]+$")
    delivered_on: date
    proof: str = Field(min_length=3, max_length=200)


class TextDelivered(_Event):
    """A text has reached its telephone."""

    type: Literal["text_delivered"]
    message_id: str = Field(min_length=36, max_length=36)


class TextFailed(_Event):
    """A text will never reach its telephone: the number takes none."""

    type: Literal["text_failed"]
    message_id: str = Field(min_length=36, max_length=36)
    why: str = Field("", max_length=200)


class TextStopped(_Event):
    """The customer answered STOP: no text leaves for them any more."""

    type: Literal["text_stopped"]


Event = Annotated[
    Paid
    | ComplaintOpened
    | ComplaintClosed
    | ContractChanged
    | AddressChanged
    | CallHeld
    | LetterSignedFor
    | TextDelivered
    | TextFailed
    | TextStopped,
    Field(discriminator="type"),
]


KINDS = frozenset(
    get_args(shape.model_fields["type"].annotation)[0] for shape in get_args(get_args(Event)[0])
)
"""What may be told, by name."""


class Taken(BaseModel):
    """What became of an event: `known` says that we had it already."""

    id: str
    known: bool
    effect: str
