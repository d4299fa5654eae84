"""What a calendar answers to an invitation of ours (iTIP, RFC 5546)."""

from email.message import Message
from typing import NamedTuple

from icalendar import Calendar

from retention.inbox.letter_text import decoded

_ACCEPTED = {"ACCEPTED": "the invitation was accepted", "TENTATIVE": "tentatively accepted"}


class CalendarAnswer(NamedTuple):
    """Whether the call stands as it was agreed, what was answered, and which call it is about."""

    agreed: bool
    reason: str
    call_id: str = ""


def read_calendar_answer(message: Message) -> CalendarAnswer | None:
    """Return the answer to an invitation, or None for a message that is none.

    Declined, or another time: somebody has to agree on a call anew.
    """
    for part in message.walk():
        if part.get_content_type() != "text/calendar":
            continue
        try:
            calendar = Calendar.from_ical(decoded(part))
        except ValueError:
            continue
        method = str(calendar.get("METHOD", "")).upper()
        if method == "COUNTER":
            reason = "another time is proposed for the call"
            return CalendarAnswer(agreed=False, reason=reason, call_id=_call_of(calendar))
        if method == "REPLY":
            return _answer(calendar)
    return None


def _call_of(calendar: Calendar) -> str:
    uids = (str(event.get("UID", "")) for event in calendar.walk("VEVENT"))
    return next((uid.partition("@")[0] for uid in uids), "")


def _answer(calendar: Calendar) -> CalendarAnswer:
    said = ""
    for event in calendar.walk("VEVENT"):
        attendee = event.get("ATTENDEE")
        for one in attendee if isinstance(attendee, list) else [attendee]:
            said = said or str(getattr(one, "params", {}).get("PARTSTAT", "")).upper()
    if said in _ACCEPTED:
        return CalendarAnswer(agreed=True, reason=_ACCEPTED[said])
    reason = f"the invitation was answered: {said.lower() or '-'}"
    return CalendarAnswer(agreed=False, reason=reason, call_id=_call_of(calendar))
