"""Words: every code and column has some in every language, with the same places to fill."""

import re
from typing import Any

import pytest
import yaml

from retention.domain.scores import SCORE_COLUMNS
from retention.reports.words import LANGUAGES, load_words
from retention.scoring.rules import ARCHETYPES, HINTS, REASONS, SIGNS, VERDICTS
from tests.conftest import ROOT

WORDS = {
    language: yaml.safe_load((ROOT / "templates" / "words" / f"{language}.yaml").read_text("utf-8"))
    for language in LANGUAGES
}


def leaves(document: dict[str, Any], path: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in document.items():
        here = f"{path}.{key}"
        found |= leaves(value, here) if isinstance(value, dict) else {here: str(value)}
    return found


def test_both_languages_say_the_same_things_with_the_same_places() -> None:
    english, spanish = (
        leaves({**WORDS[lang], "columns": {}, "language": ""}) for lang in LANGUAGES
    )
    assert english.keys() == spanish.keys()
    for key, text in english.items():
        places = re.findall(r"{(\w+)}", text)
        assert sorted(places) == sorted(re.findall(r"{(\w+)}", spanish[key])), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_code_has_words(language: str) -> None:
    words = WORDS[language]
    for section, codes in (
        ("fit", VERDICTS), ("archetype", ARCHETYPES), ("sign", SIGNS), ("hint", HINTS),
    ):  # fmt: skip
        assert set(codes) <= set(words[section]), section
    assert set(REASONS) <= set(words["reason"]) | set(words["archetype"])


def test_every_column_has_a_meaning_in_spanish() -> None:
    assert {column.name for column in SCORE_COLUMNS} == set(WORDS["es"]["columns"])


def test_values_are_written_as_their_readers_write_them() -> None:
    spanish, english = (load_words(ROOT / "templates", lang) for lang in ("es", "en"))
    assert spanish.value("net_profit_12m", -1234567.5) == "-1.234.567,50"
    assert english.value("late_share_12m", 0.125) == "12.5%"
    assert english.value("usage_last_on", None) == "-"
