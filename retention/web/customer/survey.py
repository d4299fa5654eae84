"""The survey: one number, then why; each step is kept by itself."""

from http import HTTPStatus

from starlette.responses import Response

from retention.answers.submissions import of_page
from retention.answers.survey_answers import CAUSES
from retention.answers.taking import take
from retention.domain.customer_pages import Said
from retention.web.customer.deciding import doubt
from retention.web.customer.guest import MOST_LETTERS, Guest
from retention.web.wording import N_

_SCORES = tuple(str(n) for n in range(11))
CAUSE_WORDS = {
    "our_service": N_("How you serve me"),
    "our_price": N_("What it costs"),
    "not_needed": N_("I need it less than before"),
    "how_it_works": N_("I do not quite know how it works"),
}


def show(guest: Guest) -> Response:
    """Show the question; a number in the address only preselects."""
    given = _given(guest)
    if "score" in given and guest.request.query_params.get("change") != "yes":
        return _more(guest, given)
    return _question(guest, guest.request.query_params.get("score", ""))


def answer(guest: Guest) -> Response:
    """Keep a number, or what was said besides."""
    shown, given = guest.shown, _given(guest)
    if shown is None:
        return _question(
            guest, guest.typed("score"), guest.words.say(N_("Please choose once more."))
        )
    values = dict(given)
    if guest.typed("step") == "more" and given:
        why, cause = guest.typed("why", MOST_LETTERS), guest.typed("cause")
        if len(why) > MOST_LETTERS:
            told = guest.words.say(N_("This is too long: {n} letters at most."), n=MOST_LETTERS)
            return _more(guest, {**given, "why": why}, told, HTTPStatus.UNPROCESSABLE_ENTITY)
        values |= {"why": why, "cause": cause if cause in CAUSES else ""}
    elif guest.typed("score") in _SCORES:
        values["score"] = guest.typed("score")
    else:
        return _question(guest, "", guest.words.say(N_("Choose a number.")))
    rows = of_page(guest.who.session, guest.who.action.id, guest.who.purpose)
    unsure = bool(rows) and rows[-1].doubt is not None
    if unsure or {k: v for k, v in values.items() if v} != given:  # a second click is one answer
        take(guest.who, Said.SCORE, values, doubt(guest, shown))
    return guest.go(thanks="yes") if guest.typed("step") == "more" else guest.go()


def _given(guest: Guest) -> dict[str, str]:
    rows = of_page(guest.who.session, guest.who.action.id, guest.who.purpose)
    return dict(rows[-1].values or {}) if rows else {}


def _question(guest: Guest, chosen: str, problem: str = "") -> Response:
    status = HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK
    return guest.page("survey.html", status, scores=_SCORES, chosen=chosen, problem=problem)


def _more(
    guest: Guest, given: dict[str, str], problem: str = "", status: int = HTTPStatus.OK
) -> Response:
    causes = {name: guest.words.say(words) for name, words in CAUSE_WORDS.items()}
    thanks = guest.request.query_params.get("thanks") == "yes"
    rows = of_page(guest.who.session, guest.who.action.id, guest.who.purpose)
    unsure = bool(rows) and rows[-1].doubt is not None
    return guest.page(
        "survey_more.html", status, given=given, unsure=unsure, causes=causes, problem=problem,
        thanks=thanks,
    )  # fmt: skip
