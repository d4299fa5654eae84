"""Choosing when to be called, in one's own time zone; the calendar gets an invitation."""

from datetime import datetime, timedelta
from http import HTTPStatus

from starlette.responses import Response

from retention.answers import call_slots
from retention.answers.submissions import add
from retention.domain.customer_pages import Said
from retention.domain.errors import RetentionError
from retention.messages.invitations import Appointment, Words, make_invitation
from retention.web.customer.deciding import doubt
from retention.web.customer.guest import MOST_LETTERS, Guest
from retention.web.wording import N_

_TO_READ = timedelta(minutes=15)
"""A time that is free now must still be possible when somebody has read the page."""


def show_times(guest: Guest) -> Response:
    """Show when somebody can call."""
    return _page(guest)


def book(guest: Guest) -> Response:
    """Agree on a time: that is what was chosen, and nothing is chosen by itself."""
    shown = guest.shown
    at = _moment(guest.typed("at"))
    about, phone = guest.typed("words", MOST_LETTERS), guest.typed("phone", 40)
    if at is None or shown is None or len(about) > MOST_LETTERS:
        told = N_("Choose a time.")
        if shown is None:
            told = N_("This page was open for a long time. Please choose once more.")
        return _page(guest, guest.words.say(told), HTTPStatus.UNPROCESSABLE_ENTITY)
    if not phone and not guest.who.row.get("phone"):
        told = guest.words.say(N_("Please write your telephone number."))
        return _page(guest, told, HTTPStatus.UNPROCESSABLE_ENTITY)
    agreed = call_slots.agreed(guest.who)
    if agreed is not None and agreed == at:
        return guest.go("/times", done="yes")  # a second click
    why = doubt(guest, shown)
    if why is not None:
        return _page(guest, guest.words.say(N_("Please choose once more, in a moment.")),
                     HTTPStatus.UNPROCESSABLE_ENTITY)  # fmt: skip
    try:
        with guest.who.session.begin_nested():
            call_slots.book(guest.who, at, about, phone)
            said = {"at": at.isoformat(), "words": about, "phone": phone}
            add(guest.who, Said.CALL, said)
    except RetentionError:
        guest.who.session.expire_all()
        told = N_("Somebody else has just taken this time. Please choose another one.")
        return _page(guest, guest.words.say(told), HTTPStatus.CONFLICT)
    return guest.go("/times", done="yes")


def calendar(guest: Guest) -> Response:
    """Return the agreed call as a file for one's calendar."""
    at = call_slots.agreed(guest.who)
    if at is None:
        return guest.go("/times")
    owner, rendering = guest.who.owner, guest.who.action.rendering
    w, company = guest.words, guest.shop.settings.company_name
    title = w.say(N_("Call with {name}, {company}"), name=owner.name, company=company)
    note = w.say(N_("{name} of {company} calls you."), name=owner.name, company=company)
    data = make_invitation(
        Appointment(guest.who.action.id, at),
        Words(title, note, owner.phone),
        uid=f"{guest.who.action.id}@{guest.who.sender.address.rpartition('@')[2]}",
        organiser=(owner.name, owner.email),
        attendee=rendering.recipient if rendering and "@" in rendering.recipient else owner.email,
        written_at=guest.now,
    )
    headers = {"Content-Disposition": 'attachment; filename="call.ics"'}
    return Response(data, media_type="text/calendar", headers=headers)


def _page(guest: Guest, problem: str = "", status: int = 200) -> Response:
    return guest.page(
        "times.html", status, days=call_slots.free_slots(guest.who, _TO_READ), problem=problem,
        agreed=call_slots.agreed(guest.who), done=guest.request.query_params.get("done") == "yes",
        typed=guest.typed("words", MOST_LETTERS), zone=guest.who.zone.key,
        phone=guest.who.row.get("phone") or "", typed_phone=guest.typed("phone", 40),
    )  # fmt: skip


def _moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None
