"""calendar.yaml: where working days differ from the shipped ones."""

from datetime import date
from typing import Literal, get_args

from pydantic import Field

from retention.yaml_files import PolicyModel

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
WEEK: tuple[Weekday, ...] = get_args(Weekday)


class ChangesDoc(PolicyModel):
    """Days that a place works or rests on, other than its public holidays say; its weekend."""

    closed: tuple[date, ...] = ()
    open: tuple[date, ...] = ()
    weekend: tuple[Weekday, ...] | None = Field(None, min_length=1, max_length=4)


class CalendarDoc(PolicyModel):
    """`calendar.yaml`."""

    company: str = Field(pattern="^[A-Z]{2}(-[A-Z0-9]{1,3})?$")
    changes: dict[str, ChangesDoc] = Field(default_factory=dict)
