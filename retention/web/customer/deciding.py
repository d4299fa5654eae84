"""From a choice to an answer that counts: choose, confirm, done."""

from datetime import timedelta
from http import HTTPStatus

from starlette.responses import Response

from retention.actions import offers
from retention.answers import doubts, plan_answers, submissions
from retention.answers.taking import take
from retention.domain.amounts import read_amount
from retention.domain.customer_pages import PROTECTS, Doubt, Said
from retention.domain.errors import RetentionError
from retention.domain.instalments import Plan
from retention.domain.offers import OfferState
from retention.web.customer.choices import Asked, Choice
from retention.web.customer.guest import MOST_LETTERS, Guest
from retention.web.customer.nonces import Shown
from retention.web.customer.show import about_of, choose
from retention.web.customer.show import show as show_page
from retention.web.wording import N_

_WRONG = HTTPStatus.UNPROCESSABLE_ENTITY
_DAY, _MOST_A_DAY, _MOST_PROTECTING = timedelta(days=1), 10, 30


def show(guest: Guest) -> Response:
    """Show a page; or, once something was chosen on it, what confirms that.

    Choosing only opens the next page: nothing has changed until that one is sent.
    """
    asked = guest.request.query_params
    if "chosen" not in asked:
        return show_page(guest)
    about = about_of(guest)
    if not about.choices:
        return guest.page("closed.html", about=about)
    choice = _choice(asked.get("said", ""), about.choices)
    if choice is None:
        told = guest.words.say(N_("Choose one of the answers."))
        return choose(guest, about, told, _WRONG)
    if choice.said is Said.CALL:
        return guest.go("/times")
    return _ask(guest, choice)


def confirm(guest: Guest) -> Response:
    """Take an answer that was confirmed: it counts now, and can be changed while it may."""
    about = about_of(guest)
    if not about.choices:
        return guest.page("closed.html", about=about)
    choice = _choice(guest.typed("said"), about.choices)
    if choice is None or choice.said is Said.CALL:
        return guest.go()
    values, problems = _values(guest, choice)
    shown = guest.shown
    if shown is None:
        problems["form"] = guest.words.say(
            N_("This page was open for a long time. Please look at it again, and confirm it.")
        )
    if choice.tick and guest.typed("sure") != "yes":
        problems["sure"] = guest.words.say(N_("Tick this, if it is what you want."))
    if problems or shown is None:
        return _ask(guest, choice, problems, _WRONG)
    if shown.version != guest.version and _is_last(guest, choice, values):
        return guest.go()
    told = _against(guest, choice, shown) or _taken(guest, choice, values, shown)
    return guest.go() if told is None else _ask(guest, choice, {"form": told}, HTTPStatus.CONFLICT)


def _against(guest: Guest, choice: Choice, shown: Shown) -> str | None:
    """Return why an answer is not taken now. What protects its author is, but for a flood."""
    if choice.said in PROTECTS and not _is_too_often(guest, _MOST_PROTECTING):
        return None
    if shown.version != guest.version:
        return guest.words.say(
            N_("Meanwhile somebody has answered this, on another page or before you went back. "
               "That counts; confirm this only if you want to change it.")
        )  # fmt: skip
    if _is_too_often(guest):
        return guest.words.say(N_("You have answered many times today. Please call us, or write."))
    return None


def _taken(guest: Guest, choice: Choice, values: dict[str, str], shown: Shown) -> str | None:
    """Take an answer; return why it cannot be, its words still on the page."""
    _settle_doubt_of_arrival(guest)
    try:
        with guest.who.session.begin_nested():
            take(guest.who, choice.said, values, doubt(guest, shown))
    except RetentionError:
        return guest.words.say(
            N_("This is not possible as it stands. Please look at it again, or call us.")
        )
    return None


def doubt(guest: Guest, shown: Shown) -> Doubt | None:
    """Return why an answer may not be a person's, or None."""
    message = guest.who.action.message
    return doubts.doubt_of(
        guest.who.policies.conversations.doubts, message.sent_at if message else None, shown.at,
        guest.now, many=guest.many,
    )  # fmt: skip


def _choice(said: str, choices: tuple[Choice, ...]) -> Choice | None:
    return next((choice for choice in choices if choice.said == said), None)


def _ask(
    guest: Guest, choice: Choice, problems: dict[str, str] | None = None, status: int = 200
) -> Response:
    who = guest.who
    is_plan = choice.said is Said.PLAN
    parts = plan_answers.possible_parts(who) if is_plan else []
    days = plan_answers.first_days(who) if is_plan else []
    owed = plan_answers.owed(who)
    return guest.page(
        "confirm.html", status, about=about_of(guest), choice=choice, problems=problems or {},
        typed={asked.name: guest.typed(asked.name, MOST_LETTERS) for asked in choice.fields},
        parts=[(n, Plan(owed, n, days[0]).part) for n in parts] if days else [], days=days,
        most=MOST_LETTERS,
    )  # fmt: skip


def _values(guest: Guest, choice: Choice) -> tuple[dict[str, str], dict[str, str]]:
    """Return what was typed, and what is wrong with it, by field."""
    values, problems = {}, {}
    for asked in choice.fields:
        text = guest.typed(asked.name, MOST_LETTERS)
        if asked.wanted and not text:
            problems[asked.name] = guest.words.say(N_("Please fill this in."))
        elif len(text) > MOST_LETTERS:
            problems[asked.name] = guest.words.say(
                N_("This is too long: {n} letters at most."), n=MOST_LETTERS
            )
        else:
            values[asked.name] = _read(guest, asked, text, problems)
    return values, problems


def _read(guest: Guest, asked: Asked, text: str, problems: dict[str, str]) -> str:
    if asked.kind != "fee" or not text:
        return text
    amount = read_amount(text)
    if amount is None:
        problems[asked.name] = guest.words.say(N_("Write an amount, for example 79.50."))
        return ""
    return str(amount)


def _is_last(guest: Guest, choice: Choice, values: dict[str, str]) -> bool:
    """Return whether exactly this was answered last: a second click."""
    said = submissions.of_page(guest.who.session, guest.who.action.id, guest.who.purpose)
    kept = {name: text for name, text in values.items() if text} or None
    return bool(said) and said[-1].said is choice.said and said[-1].values == kept


def _is_too_often(guest: Guest, most: int = _MOST_A_DAY) -> bool:
    """Each answer is confirmed by mail: nobody gets many of those in a day."""
    said = submissions.of_page(guest.who.session, guest.who.action.id, guest.who.purpose)
    return sum(row.said_at > guest.now - _DAY for row in said) >= most


def _settle_doubt_of_arrival(guest: Guest) -> None:
    """The answer to a message proves that it has arrived: its offer stands."""
    offer = guest.who.action.offer
    if offer is not None and offer.state is OfferState.APPROVED:
        offers.follow(guest.who.action, OfferState.SENT)
