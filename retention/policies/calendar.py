"""calendar.yaml: where working days differ from the shipped ones."""

from datetime import date

from pydantic import Field

from retention.yaml_files import PolicyModel


class ChangesDoc(PolicyModel):
    """Days that a place works or rests on, other than its public holidays say."""

    closed: tuple[date, ...] = ()
    open: tuple[date, ...] = ()


class CalendarDoc(PolicyModel):
    """`calendar.yaml`."""

    company: str = Field(pattern="^[A-Z]{2}(-[A-Z0-9]{1,3})?$")
    changes: dict[str, ChangesDoc] = Field(default_factory=dict)
