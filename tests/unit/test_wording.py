"""The console in each of its languages: no word is missing, none is left over, none is broken."""

import re
import string

import pytest

from retention.delivery import selection
from retention.domain import (
    actions,
    approving,
    cases,
    decision_kinds,
    exclusions,
    handovers,
    incoming,
    limits,
    messages,
    offers,
    people,
    runs,
    stages,
    waivers,
)
from retention.domain.errors import NotAllowedError, NotFoundError
from retention.messages.templates import list_templates
from retention.nights import last_look
from retention.runs import trust
from retention.web import refusal_words
from retention.web.console.words import CODES
from retention.web.wording import wording
from tests.conftest import ROOT
from tests.factories.wording import (
    LOCALES,
    distrusted,
    every_text,
    kept_back,
    read_words,
    refused,
    said,
    translated,
)

LANGUAGES = sorted(path.stem for path in LOCALES.glob("*.po"))
ENUMS = (
    actions.ActionKind, actions.ActionState, actions.Purpose, approving.ReasonCode,
    cases.CaseState, cases.CaseEventKind, decision_kinds.DecisionKind, exclusions.ExclusionKind,
    exclusions.ExclusionReason, handovers.HandoverState, incoming.IncomingKind, limits.BatchState,
    messages.MessageState, messages.MessageClass, messages.SendPolicy, offers.OfferKind,
    offers.OfferState, offers.Answer, people.Role, runs.RunState, stages.PlaybookName,
    stages.Stage, waivers.WaiverState,
)  # fmt: skip


def places(words: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(words) if name}


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_sentence_is_missing_or_left_over(language: str) -> None:
    have, need = set(translated(language)), said()
    assert not need - have, "without a translation"
    assert not have - need, "translated, and said nowhere"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_fills_in_the_same_values(language: str) -> None:
    for english, told in translated(language).items():
        for form in told:
            assert form.strip(), english
            assert places(form) == places(english), english


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_refusal_is_told_in_it(language: str) -> None:
    have = read_words(LOCALES / "refusals" / f"{language}.po", language)
    assert not refused() - have.keys(), "without a translation"
    assert not have.keys() - every_text(), "translated, and said nowhere"
    for english, (told,) in have.items():
        assert told.count("{}") <= english.count("{}"), english


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            NotAllowedError("action 1a2b3c4d", "'marta' may not reject it", "Ask a director."),
            ("La acción 1a2b3c4d: «marta» no puede rechazarlo.", "Pregunte a dirección."),
        ),
        (
            NotAllowedError("waiver of 'educate'", "this stage is never skipped", "Unheard of."),
            ("La omisión de «enseñar»: esta etapa no se omite nunca.", "Unheard of."),
        ),
        (
            NotAllowedError(
                "gate of tickets", "'ana' may not accept data", "Ask somebody who is director, ops."
            ),
            (
                "El control de tickets: «ana» no puede aceptar datos.",
                "Pregunte a alguien que sea dirección, equipo de operaciones.",
            ),
        ),
        (
            NotAllowedError("action 1a2b3c4d", "'<b>' cannot be 'a; b {c} {}'", "Ask Ñá {0}."),
            ("La acción 1a2b3c4d: «<b>» no puede ser «a; b {c} {}».", "Pregunte a Ñá {0}."),
        ),
    ],
)
def test_a_refusal_keeps_its_names_and_says_the_rest_in_spanish(
    error: NotAllowedError, told: tuple[str, str]
) -> None:
    words = wording(ROOT / "templates", "es", "EUR", "Europe/Madrid")
    assert refusal_words.told(ROOT / "templates", words, error) == told
    english = wording(ROOT / "templates", "en", "EUR", "Europe/Madrid")
    as_it_is = (f"{error.where.capitalize()}: {error.found}.", error.remedy)
    assert refusal_words.told(ROOT / "templates", english, error) == as_it_is


@pytest.mark.parametrize("language", LANGUAGES)
def test_why_something_waits_is_told_in_it(language: str) -> None:
    have = read_words(LOCALES / "refusals" / f"{language}.po", language)
    assert len(kept_back()) > 25
    assert not kept_back() - have.keys(), "without a translation"


@pytest.mark.parametrize("language", LANGUAGES)
def test_why_a_table_is_not_trusted_is_told_in_it(language: str) -> None:
    have = read_words(LOCALES / "refusals" / f"{language}.po", language)
    assert len(distrusted()) > 20
    assert not distrusted() - have.keys(), "without a translation"


def test_what_keeps_a_message_back_by_rule_has_words() -> None:
    codes = {selection.OUT_OF_HOURS, selection.ENOUGH, selection.QUOTA, selection.CANARY,
             last_look.UNREADABLE, last_look.IN_DOUBT, "no_good_night", "night_in_doubt",
             "night_too_old", *(f"night_{state}" for state in trust._IN_DOUBT)}  # fmt: skip
    assert not codes - CODES.keys()


_THIRD_TIME = (
    "This customer is here for the third time: cleared for our own fault on 2026-01-02, "
    "2026-03-04. Mend the cause, or it comes back."
)
_THIRD_TIME_IN_SPANISH = (
    "Este cliente está aquí por tercera vez: se cerró por un fallo nuestro el 2026-01-02, "
    "2026-03-04. Corrija la causa o volverá."
)


@pytest.mark.parametrize(
    ("said", "spanish"),
    [
        ("outside_hours", "fuera del horario de allí"),
        ("held by marta; daily_quota", "retenido por marta; el cupo del día está agotado"),
        (
            "company_data_in_doubt: tickets: 41 rows",
            "los datos de la empresa están en duda: tickets: 41 rows",
        ),
        (
            "tickets: 12 rows, 400 in the last good night: a change of -97%, where 20% is usual",
            (
                "tickets: 12 filas, 400 en la última noche buena: un cambio de -97%, cuando lo "
                "habitual es 20%"
            ),
        ),
        (
            "has no rows tonight; 3 of 4 rows name nothing that is in usage (column 'contract')",
            (
                "esta noche no tiene filas; 3 de 4 filas nombran algo que no está en usage "
                "(columna «contract»)"
            ),
        ),
        (
            "its newest row is of 2026-11-02, 9 workdays before 2026-11-13, at most 3 are allowed",
            (
                "su fila más reciente es del 2026-11-02, 9 días laborables antes del 2026-11-13, "
                "se admiten 3 como mucho"
            ),
        ),
        (
            "the customer has a hold: negotiating",
            "con el cliente rige «retenerlo»: en negociación",
        ),
        (
            "This case goes no further: it waits for 'no_usable_address'.",
            "Este caso no avanza: espera por «sin una dirección utilizable».",
        ),
        (_THIRD_TIME, _THIRD_TIME_IN_SPANISH),
        ("She wants to think: call on Monday", "She wants to think: call on Monday"),
        (None, ""),
    ],
)
def test_what_keeps_something_back_is_told_in_spanish(said: str | None, spanish: str) -> None:
    words = wording(ROOT / "templates", "es", "EUR", "Europe/Madrid")
    assert refusal_words.in_words(ROOT / "templates", words, said) == spanish


def test_spanish_is_spoken() -> None:
    assert "es" in LANGUAGES


@pytest.mark.parametrize("enum", ENUMS, ids=lambda enum: enum.__name__)
def test_every_code_has_words(enum: type) -> None:
    assert not {str(member) for member in enum} - CODES.keys()  # type: ignore[attr-defined]


def test_every_template_has_a_name_of_words() -> None:
    purposes = {purpose for purpose, _ in list_templates(ROOT / "templates")}
    assert not purposes - CODES.keys()


def test_no_page_has_words_that_nobody_can_translate() -> None:
    loose = re.compile(r">\s*([A-Za-z][a-z]+(?: [a-z]+)+)\s*<")
    found = [
        (path.name, match[1])
        for path in sorted((ROOT / "templates" / "web").glob("*.html"))
        for match in loose.finditer(re.sub(r"\{[{%].*?[}%]\}", "", path.read_text("utf-8")))
    ]
    assert not found


def test_every_reason_of_a_night_has_words() -> None:
    rules = "".join(
        (ROOT / "retention" / "domain" / f"{name}.py").read_text("utf-8")
        for name in ("decisions", "obstacles")
    )
    told = r'(?:_wait|Obstacle|DecisionKind\.\w+,)\(? ?f?"(\w+)|_(?:close|enter)\([^"\n]*"(\w+)'
    codes = {one or other for one, other in re.findall(told, rules)} - {"message_", "step_"}
    assert len(codes) > 20
    assert not codes - CODES.keys()


def test_of_a_path_only_its_end_is_told() -> None:
    words = wording(ROOT / "templates", "en", "EUR", "Europe/Madrid")
    error = NotFoundError("/srv/company/data/customers.csv", "is not there", "Correct 'path'.")
    what, _ = refusal_words.told(ROOT / "templates", words, error)
    assert what == "customers.csv: is not there."
