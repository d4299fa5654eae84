"""A call that was agreed on, as a file for the customer's calendar (RFC 5545, RFC 5546)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from icalendar import vCalAddress


@dataclass(frozen=True, slots=True)
class Appointment:
    """One call. `starts_at` is aware, in the zone it was agreed in; `number` counts changes."""

    call_id: str
    starts_at: datetime
    minutes: int = 30
    number: int = 0


def make_invitation(
    agreed: Appointment,
    *,
    uid: str,
    summary: str,
    organiser: tuple[str, str],
    attendee: str,
    written_at: datetime,
) -> bytes:
    """Return the calendar file. The same call keeps its uid, so that a change moves it."""
    from icalendar import Calendar, Event

    event = Event()
    event.add("uid", uid)
    event.add("sequence", agreed.number)
    event.add("dtstamp", written_at)
    event.add("dtstart", agreed.starts_at)
    event.add("dtend", agreed.starts_at + timedelta(minutes=agreed.minutes))
    event.add("summary", summary)
    event.add("status", "CONFIRMED")
    event["organizer"] = _person(organiser[1], organiser[0])
    event.add("attendee", _person(attendee, ""), encode=False)
    calendar = Calendar()
    calendar.add("prodid", "-//retention//call//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "REQUEST")
    calendar.add_component(event)
    calendar.add_missing_timezones()
    data: bytes = calendar.to_ical()
    return data


def _person(address: str, name: str) -> "vCalAddress":
    from icalendar import vCalAddress, vText

    person = vCalAddress(f"mailto:{address}")
    if name:
        person.params["cn"] = vText(name)
    return person
