"""What must be true of the tree as a whole."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from retention.domain.scores import SCORE_COLUMNS, TOTALS, parts_of
from retention.messages.templates import list_templates
from retention.sources.canonical import CANONICAL
from retention.sources.families import FAMILIES, ZERO_WITHOUT_ROWS, declared_columns

ROOT = Path(__file__).parent.parent
# Put together here, so that this file does not hold what it looks for.
HOSTS = ["pypi." + "org", "pythonhosted." + "org", "npmjs." + "org", "npmjs." + "com"]
MACHINE = ["/" + "work/", "/" + "root/", "/" + "home/"]


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    return [ROOT / name for name in listed.splitlines() if (ROOT / name).is_file()]


def test_no_file_names_a_registry_or_a_machine() -> None:
    for path in tracked():
        if path.suffix in (".png", ".svg", ".xz"):
            continue
        text = path.read_text(encoding="utf-8")
        for word in HOSTS + MACHINE:
            assert word not in text, f"{path} holds {word}"


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_locks_have_hashes_and_no_address(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert "://" not in text
    pinned = re.findall(r"^[a-z0-9][^\s=]*==", text, re.MULTILINE)
    hashed = re.findall(r"==[^\n]*\\\n    --hash=sha256:", text)
    assert len(pinned) == len(hashed) > 90


def test_both_locks_agree() -> None:
    def versions(name: str) -> dict[str, str]:
        text = (ROOT / name).read_text(encoding="utf-8")
        return dict(re.findall(r"^([a-z0-9][^\s=\[]*)(?:\[[^\]]*\])?==(\S+)", text, re.MULTILINE))

    runtime, dev = versions("requirements.lock"), versions("requirements-dev.lock")
    assert {name: dev.get(name) for name in runtime} == runtime


@pytest.mark.parametrize("family", ["customers", *FAMILIES])
def test_every_feature_column_is_in_the_score_catalogue_or_used_by_scoring(family: str) -> None:
    inputs_of_scoring = {
        "created_on", "first_invoice_on", "revenue_90d", "revenue_prior_90d", "late_share_90d",
        "late_share_prior_90d", "minutes_90d", "minutes_prior_90d", "csat_90d", "csat_prior_90d",
        "downgraded_on",
    }  # fmt: skip
    inputs_of_scoring |= set(declared_columns("payment_risk"))
    known = {column.name for column in SCORE_COLUMNS} | inputs_of_scoring
    assert set(declared_columns(family)) <= known
    assert declared_columns(family)


def test_zero_columns_are_declared_somewhere() -> None:
    declared = {name for family in FAMILIES for name in declared_columns(family)}
    assert declared >= ZERO_WITHOUT_ROWS


def test_every_total_has_parts() -> None:
    for total in TOTALS:
        assert len(parts_of(total)) >= 3


def test_every_template_exists_in_spanish_and_english() -> None:
    found: dict[str, set[str]] = {}
    for purpose, language in list_templates(ROOT / "templates"):
        found.setdefault(purpose, set()).add(language)
    assert set(found) == {
        "check_in",
        "call_agreed",
        "call_cancelled",
        "digest",
        "education",
        "ops_alert",
        "partner_handover",
        "payment_help",
        "prepaid_migration_offer",
        "receipt",
        "renegotiation_proposal",
        "reward",
        "second_notice",
        "survey",
        "termination_notice",
        "training_invitation",
    }
    assert all(languages == {"en", "es"} for languages in found.values())


def test_required_columns_are_columns() -> None:
    for table in CANONICAL.values():
        assert set(table.required) <= set(table.columns)


def test_schedules_keep_away_from_the_hours_in_which_clocks_change() -> None:
    deployments = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))["deployments"]
    for deployment in deployments:
        for schedule in deployment["schedules"]:
            minutes, hours = schedule["cron"].split()[:2]
            all_day = (minutes, hours) == ("*/5", "*")  # a round more or less is no harm
            assert all_day or int(hours.split("-")[0]) >= 4
            assert schedule["timezone"]
            assert schedule["slug"]
