"""When a customer may be called: the hours and the calendar of who calls, and their own hours."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from retention.actions import agreed_calls
from retention.actions.assignment import note
from retention.actions.calls_beside_steps import new_call
from retention.actions.leaving_times import openings
from retention.answers.respondent import Respondent
from retention.db.locks import lock
from retention.db.models.team import Delegation
from retention.db.models.work.actions import Action, AgreedCall
from retention.domain.actions import OPEN_ACTION_STATES, ActionKind, ActionState
from retention.domain.people import refuse
from retention.messages.locale import place_of

Day = tuple[date, list[datetime]]


def free_slots(who: Respondent, to_read: timedelta = timedelta()) -> list[Day]:
    """Return the days on which they can be called, in their own zone, with the times that are free.

    Only workdays of both sides, within the hours of both; never when who calls is away, or is
    calling somebody else. A time that would be too soon after they have had `to_read` is not shown,
    nor one after the last day of the offer that they want to talk about.
    """
    taken, away = _taken(who), _away(who)
    possible = openings(who.policies.calendars, who.policies.sending.hours, who.sender.timezone)
    place = place_of(who.row)
    length = who.policies.conversations.slots.length
    free = [
        at.astimezone(who.zone)
        for at in _times(who, to_read)
        if not any(at < end and start < at + length for start, end in taken)
        and not any(first <= at.date() <= last for first, last in away)
        and possible(at, who.zone.key, place) == at
    ]
    return [(day, list(times)) for day, times in groupby(free, key=datetime.date)]


def _times(who: Respondent, to_read: timedelta) -> Iterator[datetime]:
    """Every time at which who calls may begin a call, on the company's clock."""
    rules = who.policies.conversations
    zone, days_of = ZoneInfo(who.sender.timezone), who.policies.calendars.of_company(who.today)
    soonest = who.now + rules.calls.soonest + to_read
    hours = who.owner.call_hours or (rules.slots.opens, rules.slots.closes)
    day, last = who.today, _last_day(who)
    for _ in range(rules.slots.days_ahead):
        if last is not None and day > last:
            return
        at = datetime.combine(day, hours[0], zone)
        closes = datetime.combine(day, hours[1], zone)
        while days_of.is_workday(day) and at + rules.slots.length <= closes:
            if at >= soonest:
                yield at
            at += rules.slots.length
        day = days_of.add_workdays(day, 1)


def _last_day(who: Respondent) -> date | None:
    offer = who.action.offer
    return offer.expires_on if offer is not None and offer.expires_on >= who.today else None


def _taken(who: Respondent) -> list[tuple[datetime, datetime]]:
    """The calls that who calls has agreed on with others."""
    rows = who.session.execute(
        select(AgreedCall.starts_at, AgreedCall.action_id)
        .join(Action, Action.id == AgreedCall.action_id)
        .where(
            Action.owner == who.owner.person_id,
            Action.state.in_(sorted(OPEN_ACTION_STATES)),
            AgreedCall.cancelled_at.is_(None),
            AgreedCall.starts_at > who.now - timedelta(days=1),
            Action.case_id != who.action.case_id,
        )
    )
    length = who.policies.conversations.slots.length
    return [(starts_at, starts_at + length) for starts_at, _ in rows]


def _away(who: Respondent) -> list[tuple[date, date]]:
    rows = who.session.execute(
        select(Delegation.starts_on, Delegation.ends_on).where(
            Delegation.principal_id == who.owner.person_id,
            Delegation.ends_on >= who.today,
            Delegation.revoked_at.is_(None),
        )
    )
    return [(first, last) for first, last in rows]


def agreed(who: Respondent) -> datetime | None:
    """Return when a call with this customer is agreed for, in their own zone, if one is."""
    call = _open_call(who)
    found = call.agreed_call if call is not None else None
    if found is None or found.cancelled_at is not None or found.starts_at < who.now:
        return None
    return found.starts_at.astimezone(who.zone)


def book(who: Respondent, starts_at: datetime, about: str = "", phone: str = "") -> Action:
    """Agree on a call at a free time; their calendar gets an invitation. Raises NotAllowedError.

    A call that is open in the case is the one; without one who calls gets a task for it. A later
    choice moves it.
    """
    lock(who.session, f"calls of {who.owner.person_id}")
    if not any(starts_at in times for _, times in free_slots(who)):
        refuse("the call", "somebody else has just taken this time", "Choose another one.")
    call = _open_call(who) or new_call(
        who.session, who.action.case, owner=who.owner.person_id, author=who.author.name,
        on=who.today, due_on=starts_at.date(),
    )  # fmt: skip
    agreed_calls.agree(who.session, call, who.author, starts_at, who.policies, who.sender,
                       who.folders, phone)  # fmt: skip
    told = "\n".join(filter(None, (about, phone and f"tel. {phone}")))
    if told:
        note(who.session, call, who.author, told)
    return call


def _open_call(who: Respondent) -> Action | None:
    query = (
        select(Action)
        .where(
            Action.case_id == who.action.case_id,
            Action.kind == ActionKind.CALL,
            Action.state == ActionState.PENDING_APPROVAL,
        )
        .options(joinedload(Action.case), joinedload(Action.agreed_call))
        .order_by(Action.proposed_on.desc(), Action.id)
        .execution_options(populate_existing=True)
    )
    return who.session.scalars(query).first()
