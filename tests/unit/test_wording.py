"""The console in each of its languages: no word is missing, none is left over, none is broken."""

import re
import string

import pytest

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
from retention.messages.templates import list_templates
from retention.web.console.words import CODES
from tests.conftest import ROOT
from tests.factories.wording import LOCALES, said, translated

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
