"""How a server differs from the files; when a night is due."""

from dataclasses import replace
from datetime import datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from retention.domain.alerts import AlertRules
from retention.domain.errors import ConfigError
from retention.scheduling.declared import (
    Clock,
    Deployment,
    read_automations,
    read_deployments,
)
from retention.scheduling.differences import Found, compare, compare_automations
from tests.conftest import ROOT

FOUR = Clock("30 4 * * *", "Europe/Madrid", active=True)
NIGHTLY = Deployment("nightly/nightly", "flows.nightly.nightly", {}, 1, "ENQUEUE",
                     schedules={"every-night": FOUR})  # fmt: skip


def differences(there: Deployment, *, paused: bool = False, home: str = "/srv") -> list[str]:
    found = {there.name: Found("1", there, paused, home)}
    return [f"{d.kind}: {d.detail}" for d in compare({NIGHTLY.name: NIGHTLY}, found, "/srv")]


def test_the_same_is_no_difference() -> None:
    assert differences(NIGHTLY) == []


def test_what_is_missing_is_new_and_what_nobody_wants_is_gone() -> None:
    other = replace(NIGHTLY, name="old/old")
    found = compare(
        {NIGHTLY.name: NIGHTLY}, {"old/old": Found("2", other, paused=False, home="/srv")}, "/srv"
    )
    assert [(d.kind, d.name) for d in found] == [("new", "nightly/nightly"), ("gone", "old/old")]


def test_a_moved_schedule_is_a_change_and_a_sleeping_one_a_pause() -> None:
    moved = replace(NIGHTLY, schedules={"every-night": FOUR._replace(cron="0 6 * * *")})
    (said,) = differences(moved)
    assert said.startswith("changed: every-night: '0 6 * * *' Europe/Madrid on the server, ")
    assert said.endswith("'30 4 * * *' Europe/Madrid in the file")
    asleep = replace(NIGHTLY, schedules={"every-night": FOUR._replace(active=False)})
    assert differences(asleep) == ["paused by hand: every-night"]
    assert differences(NIGHTLY, paused=True) == ["paused by hand: the whole deployment"]


def test_another_folder_or_rule_is_a_change() -> None:
    assert differences(NIGHTLY, home="/old") == ["changed: works in /old, now it would in /srv"]
    assert differences(replace(NIGHTLY, strategy="CANCEL_NEW")) == [
        "changed: strategy: CANCEL_NEW on the server, ENQUEUE in the file"
    ]
    none = differences(replace(NIGHTLY, schedules={}))
    assert none == ["changed: every-night: only in the file"]


def test_automations_are_compared_by_what_they_say() -> None:
    wanted = {"a": "1", "b": "2", "c": "3"}
    found = {"b": ("2", False), "c": ("old", True), "not ours": ("", True)}
    assert [(d.kind, d.name) for d in compare_automations(wanted, found)] == [
        ("new", "a"), ("paused by hand", "b"), ("changed", "c"),
    ]  # fmt: skip


def test_the_shipped_files_are_read() -> None:
    found = read_deployments(ROOT / "prefect.yaml")
    names = ["nightly", "learn", "report", "deliver", "inbox", "digest", "watch"]
    assert set(found) == {f"{name}/{name}" for name in names}
    assert all(one.limit == 1 and len(one.schedules) == 1 for one in found.values())
    assert not found["inbox/inbox"].is_scheduled
    for given in read_automations(ROOT / "automations.yaml").values():
        for action in given["actions"]:
            assert action.get("deployment", "watch/watch") in found


@pytest.mark.parametrize("text", ["", "- a", "deployments: 3", "deployments: [{name: x}]", "a: [b"])
def test_a_broken_file_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "prefect.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"prefect\.yaml: is no list of deployments"):
        read_deployments(path)
    with pytest.raises(ConfigError, match=r"prefect\.yaml: is no list of automations"):
        read_automations(path)


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-06-03T06:59", "2026-06-01"),
        ("2026-06-03T07:00", "2026-06-02"),
        ("2026-10-25T12:00", "2026-10-24"),  # the clock changed that night
    ],
)
def test_yesterdays_night_is_expected_from_its_hour_on(moment: str, expected: str) -> None:
    local = datetime.fromisoformat(moment).replace(tzinfo=ZoneInfo("Europe/Madrid"))
    assert str(AlertRules(night_by=time(7)).expected_night(local)) == expected
