"""A call that was agreed on, for the customer's calendar (RFC 5545, RFC 5546)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from icalendar import Event, vCalAddress


@dataclass(frozen=True, slots=True)
class Appointment:
    """One call. `starts_at` is aware, in the zone it was agreed in; `number` counts changes."""

    call_id: str
    starts_at: datetime
    minutes: int = 30
    number: int = 0
    is_cancelled: bool = False

    @property
    def method(self) -> str:
        """What the customer's calendar is asked to do."""
        return "CANCEL" if self.is_cancelled else "REQUEST"


@dataclass(frozen=True, slots=True)
class Words:
    """What the entry says: a title, a note, and the telephone number at which we are."""

    title: str
    note: str
    phone: str = ""


def make_invitation(
    agreed: Appointment,
    words: Words,
    *,
    uid: str,
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
    event.add("summary", words.title)
    event.add("description", words.note)
    if words.phone:
        event.add("location", words.phone)
    event.add("status", "CANCELLED" if agreed.is_cancelled else "CONFIRMED")
    _name_people(event, organiser, attendee)
    calendar = Calendar()
    calendar.add("prodid", "-//retention//call//EN")
    calendar.add("version", "2.0")
    calendar.add("method", agreed.method)
    calendar.add_component(event)
    calendar.add_missing_timezones()
    data: bytes = calendar.to_ical()
    return data


def _name_people(event: "Event", organiser: tuple[str, str], attendee: str) -> None:
    """Calendars answer to the organiser, and only when they are asked to."""
    event["organizer"] = _person(organiser[1], organiser[0])
    guest = _person(attendee, "")
    guest.params["role"] = "REQ-PARTICIPANT"
    guest.params["partstat"] = "NEEDS-ACTION"
    guest.params["rsvp"] = "TRUE"
    event.add("attendee", guest, encode=False)


def _person(address: str, name: str) -> "vCalAddress":
    from icalendar import vCalAddress, vText

    person = vCalAddress(f"mailto:{address}")
    if name:
        person.params["cn"] = vText(name)
    return person
