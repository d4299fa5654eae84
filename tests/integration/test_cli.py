"""The command line as a process: one JSON document, stable exit codes, errors that help."""

import ast
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from retention.cli.app import app
from retention.cli.commands import COMMANDS
from tests.conftest import NIGHT
from tests.factories.commands import answer, retention
from tests.factories.databases import migrated_sqlite

pytestmark = pytest.mark.usefixtures("prefect_server")


@pytest.fixture
def env(config_dir: Path, tmp_path: Path) -> dict[str, str]:
    return {
        "RETENTION_CONFIG_DIR": str(config_dir),
        "RETENTION_STATE_DIR": str(tmp_path / "state"),
        "RETENTION_MAIL_SECURITY": "plain",
        "RETENTION_MAIL_PORT": "1",
    }


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


def test_help_names_every_command(home: Path) -> None:
    shown = retention("--help", cwd=home).stdout
    for name in (*COMMANDS, "queue", "webhook"):
        assert f" {name} " in shown
    assert "--install-completion" in shown
    unknown = retention("quue", cwd=home)
    assert unknown.returncode == 2
    assert "Did you mean 'queue'?" in unknown.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_what_it_does(name: str) -> None:
    """Each is imported when it is asked for: none may be missing where it is said to be."""
    shown = CliRunner().invoke(app, [name, "--help"], prog_name="retention")
    assert shown.exit_code == 0, shown.output
    assert f"Usage: retention {name} " in shown.output


@pytest.mark.gate
def test_a_night_on_the_command_line(home: Path, env: dict[str, str]) -> None:
    last = NIGHT.isoformat()
    nights = ["2026-05-29", "2026-05-30", last]
    for night in nights:
        done = retention("run", "--allow-late", "--as-of", night, "--json", cwd=home, env=env)
        assert done.returncode == 0, done.stderr
    assert answer(done)["night"]["decisions"]["open_cases"] > 30
    again = retention("run", "--allow-late", "--as-of", last, "--json", cwd=home, env=env)
    assert answer(again) == answer(done)

    state = Path(env["RETENTION_STATE_DIR"])
    open_to_others = [p for p in (state, *state.rglob("*")) if p.stat().st_mode & 0o077]
    assert not open_to_others, "names and messages are for their owner only"

    older = retention("run", "--allow-late", "--as-of", "2026-05-01", "--json", cwd=home, env=env)
    assert older.returncode == 4
    assert "is older than the newest completed one" in answer(older)["error"]["found"]

    listed = answer(retention("queue", "list", "--json", "--limit", "3", cwd=home, env=env))
    assert len(listed["actions"]) == 3
    assert {row["form"] for row in listed["actions"]} <= {"reassessment", "check_in"}
    assert all(row["name"] for row in listed["actions"])
    assert imported_by("queue list", home, HEAVY, env) == [], "names are kept at hand"
    gone = retention("queue", "list", "--state", "gone", cwd=home, env=env)
    assert gone.returncode == 2
    assert "is none of: proposed" in gone.stderr
    first = listed["actions"][0]
    shown = answer(retention("queue", "show", first["id"][:8], "--json", cwd=home, env=env))
    assert shown["action"]["id"] == first["id"]
    assert shown["action"]["receipt"]["conditions"]

    missing = retention("queue", "complete", first["id"], "--outcome", "x", cwd=home, env=env)
    assert missing.returncode == 2
    nobody = retention(
        "queue", "reject", first["id"], "--as", "nobody", "--reason", "r", cwd=home, env=env
    )
    assert nobody.returncode == 1
    assert "Known people: diana" in nobody.stderr
    refused = retention(
        "queue", "reject", first["id"], "--as", "fran", "--reason", "no", cwd=home, env=env
    )
    assert refused.returncode == 4
    rejected = retention(
        "queue", "reject", first["id"], "--as", first["owner"], "--reason", "no", "--json",
        cwd=home, env=env,
    )  # fmt: skip
    assert answer(rejected)["decided"][0]["state"] == "rejected"

    customer = first["customer_id"]
    explained = answer(retention("explain", customer, "--json", cwd=home, env=env))["customer"]
    assert explained["customer_id"] == customer
    for sum_ in explained["sums"]:
        if sum_["total"] is not None:
            parts = sum(round(float(value) * 100) for value in sum_["parts"].values())
            assert parts == round(float(sum_["total"]) * 100)
    table = retention("explain", customer, cwd=home, env=env)
    assert "net_profit_12m" in table.stdout
    assert "= the sum" in table.stdout
    assert "invoiced in the last 12 months" in table.stdout
    unknown = retention("explain", "nobody", "--json", cwd=home, env=env)
    assert unknown.returncode == 1
    assert "is not in the snapshot" in answer(unknown)["error"]["found"]

    nothing = answer(retention("deliver", "--json", cwd=home, env=env))
    assert nothing["delivery"] == {"total": 0, "states": {}, "waiting": {}}
    whether_a_head_was_kept_is_watched(home, env)


def whether_a_head_was_kept_is_watched(home: Path, env: dict[str, str]) -> None:
    def audit() -> dict[str, Any]:
        checks = answer(retention("doctor", "--json", cwd=home, env=env))["checks"]
        (found,) = [check for check in checks if check["part"] == "audit"]
        return dict(found)

    before = audit()
    assert (before["verdict"], before["figures"]) == ("WARN", {"last_head": None})
    assert "no head was ever kept elsewhere: set RETENTION_AUDIT_HEADS" in before["detail"]
    kept = home / "heads.jsonl"
    assert retention("audit", "head", "--out", str(kept), cwd=home, env=env).returncode == 0
    assert kept.read_text("utf-8").strip()
    after = audit()
    assert after["verdict"] == "OK"
    assert after["figures"]["last_head"]


def test_doctor_says_what_is_wrong_and_how_to_mend_it(home: Path, env: dict[str, str]) -> None:
    nobody = env | {"PREFECT_API_URL": ""}
    done = retention("doctor", "--json", cwd=home, env=nobody)
    assert done.returncode == 1
    checks = {check["part"]: check for check in answer(done)["checks"]}
    assert checks["policies"]["verdict"] == "OK"
    assert checks["sources"]["verdict"] == "OK"
    assert checks["schedules"]["verdict"] == "FAIL"
    assert "nothing runs by itself. Start 'retention serve'" in checks["schedules"]["detail"]
    assert checks["night"]["verdict"] == "WARN"
    assert checks["ops"]["detail"].startswith("olga would be told")
    assert checks["database"]["verdict"] == "WARN"
    assert checks["mail"]["verdict"] == "FAIL"
    assert "Check RETENTION_MAIL_*" in checks["mail"]["detail"]
    assert not (home.parent / "state" / "retention.db").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("run", "--allow-late", "--as-of", "yesterday"), 2, "is no date"),
        (("nonsense",), 2, "No such command"),
        (("queue", "list"), 1, "no night has run yet"),
        (("demo", "--size", "1"), 2, "greater than or equal to 50"),
    ],
)
def test_usage_errors(
    home: Path, env: dict[str, str], arguments: tuple[str, ...], code: int, message: str
) -> None:
    done = retention(*arguments, cwd=home, env=env)
    assert done.returncode == code
    assert message in " ".join(done.stderr.replace("│", " ").split())


def test_a_broken_playbook_is_named_with_file_and_line(
    home: Path, env: dict[str, str], config_dir: Path
) -> None:
    path = config_dir / "playbooks" / "restore.yaml"
    path.write_text(path.read_text("utf-8").replace("fit = 'poor'", "fitt = 'poor'"), "utf-8")
    done = retention("plan", "--json", cwd=home, env=env)
    assert done.returncode == 1
    error = answer(done)["error"]
    assert error["where"].endswith("restore.yaml, line 6")
    assert "there is no score 'fitt'; did you mean 'fit'?" in error["found"]


def test_an_unset_variable_is_named(home: Path) -> None:
    done = retention("plan", "--json", cwd=home)
    assert "the variable RETENTION_SOURCE_FOLDER is not set" in answer(done)["error"]["found"]


@pytest.mark.gate  # every day the README's walk plays one
def test_the_demo_never_empties_a_folder_that_is_not_its_own(home: Path) -> None:
    (home / "demo-company").mkdir()
    (home / "demo-company" / "thesis.txt").write_text("years of work", encoding="utf-8")
    done = retention("demo", cwd=home)
    assert done.returncode == 1
    assert (home / "demo-company" / "thesis.txt").exists()


def test_every_kind_of_demo_data_is_written(home: Path) -> None:
    for kind, target in (("parquet", "p"), ("csv", "c"), ("sql", f"sqlite:///{home}/s.db")):
        done = retention(
            "demo", "--only-data", "--size", "50", "--kind", kind, "--target", target, "--json",
            cwd=home,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert answer(done)["rows"]["customers"] == 50


HEAVY = ("pandas", "prefect", "duckdb", "matplotlib", "pyarrow", "numpy", "sqlglot", "alembic")


def imported_by(
    arguments: str, home: Path, names: tuple[str, ...], env: dict[str, str] | None = None
) -> list[str]:
    """Which of these modules a command has imported when it ends well."""
    code = (f"import atexit, sys; sys.argv = 'retention {arguments}'.split(); atexit.register("
            f"lambda: print('\\n', [m for m in {names} if m in sys.modules])); "
            "from retention.cli.main import main; main()")  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=home, capture_output=True, text=True, check=True,
        env=os.environ | {"RETENTION_STATE_DIR": str(home)} | (env or {}),
    )  # fmt: skip
    found: list[str] = ast.literal_eval(done.stdout.splitlines()[-1].strip())
    return found


def test_a_command_imports_what_it_needs(home: Path) -> None:
    """Who asks for help waits for no database, and who lists for no mathematics."""
    migrated_sqlite(home / "retention.db")
    assert imported_by("--help", home, (*HEAVY, "sqlalchemy")) == []
    for lists in ("team show", "outbox list", "queue list"):
        assert imported_by(lists, home, (*HEAVY, "retention.db.seals")) == []
