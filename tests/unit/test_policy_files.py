"""What is refused at once in the files that ops write: what multiplies, what is nested too deep."""

import pytest

from retention.domain.errors import ConfigError
from retention.playbooks.conditions import check_condition
from retention.policies.sending import SendingDoc
from retention.yaml_files import parse_policy

LAUGHS = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LAUGHS, r"line 2: .*'\*a' repeats something: write it out"),
        ('hours: &h {opens: "09:00"}\nerrors: *h\n', r"line 2: .*write it out"),
        ("a: " + "[" * 400 + "]" * 400, "nested deeper than 20 levels"),
        ("a: " + "{b: " * 400 + "1" + "}" * 400, "nested deeper than 20 levels"),
    ],
)
def test_what_multiplies_or_goes_too_deep_is_refused_at_once(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_policy(text, SendingDoc, "sending.yaml")


def test_plain_yaml_is_read() -> None:
    found = parse_policy("daily_quota: 7\nhosts: [a.example.com]\n", SendingDoc, "sending.yaml")
    assert (found.daily_quota, found.hosts) == (7, ("a.example.com",))


@pytest.mark.parametrize(
    "text",
    [
        "(" * 400 + "strategic" + ")" * 400,
        "NOT " * 400 + "strategic",
        "overdue_amount > " + "-" * 400 + "1",
        "(" * 900,
    ],
)
def test_a_deep_condition_is_refused_at_once(text: str) -> None:
    with pytest.raises(ValueError, match="nested deeper than 20 levels"):
        check_condition(text)


def test_a_long_flat_condition_is_none_of_them() -> None:
    text = " OR ".join(f"overdue_amount > {n}" for n in range(60))
    assert check_condition(text).count(" OR ") == 59
