"""The commands about messages, as they are typed."""

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, update

from retention.bootstrap import Application
from retention.db.models.work.actions import Action, Rendering
from retention.db.models.work.messages import Message
from retention.db.session import writing
from retention.domain.actions import ActionKind
from retention.domain.messages import MessageState
from retention.domain.stages import Stage
from retention.inbox import take_effect as inbox
from retention.inbox.parse import read_incoming
from retention.messages.tokens import tagged
from tasks.inbox import rules_of
from tests.factories.commands import answer
from tests.factories.commands import retention as run
from tests.factories.letters import written
from tests.factories.outboxes import AFTERNOON, one_proposal, owner

pytestmark = pytest.mark.usefixtures("prefect_server")


def retention(*arguments: str, env: dict[str, str], code: int = 0) -> Any:
    """Run a command; return the one document it printed."""
    with tempfile.TemporaryDirectory() as folder:
        done = run(*arguments, cwd=Path(folder), env=env)
    assert done.returncode == code, done.stderr
    return answer(done)


@pytest.fixture
def environment(queued: Application, prepared: Application) -> dict[str, str]:
    """Where the commands find the prepared shop."""
    return {
        "RETENTION_DATABASE_URL": queued.engine.url.render_as_string(hide_password=False),
        "RETENTION_STATE_DIR": str(prepared.settings.state_dir),
        "RETENTION_CONFIG_DIR": str(prepared.settings.config_dir),
        "RETENTION_SECRET_KEY": "a key for tests",
    }


def test_the_outbox_is_listed_shown_held_and_settled(
    queued: Application, environment: dict[str, str]
) -> None:
    listed = retention("outbox", "list", "--json", env=environment)
    one = listed["messages"][0]
    assert (one["state"], one["policy"]) == ("queued", "at_least_once")
    shown = retention("outbox", "show", one["id"][:8], "--json", env=environment)
    assert shown["message"]["tried"] == []
    who = ("--as", "olga", "--reason", "they are on the phone")
    held = retention("outbox", "hold", one["id"], *who, "--json", env=environment)
    assert held["held_by"] == "olga"
    retention("outbox", "release", one["id"], "--as", "olga", "--json", env=environment)
    with writing(queued.engine) as session:
        session.execute(
            update(Message).where(Message.id == one["id"]).values(state=MessageState.UNKNOWN)
        )
    settled = retention(
        "outbox", "settle", one["id"], "--outcome", "not_sent", *who, "--json", env=environment
    )
    assert settled["state"] == "failed"
    refused = retention(
        "outbox", "settle", one["id"], "--outcome", "sent", *who, "--json", env=environment, code=4
    )
    assert "is failed, not unknown" in refused["error"]["found"]


def test_a_call_has_a_script_and_a_letter_is_a_file(
    queued: Application, environment: dict[str, str], tmp_path: Path
) -> None:
    call = one_proposal(queued, Stage.TERMINATE, position=0)
    said = retention("queue", "script", call, "--json", env=environment)
    assert "1. " in said["script"]
    with writing(queued.engine) as session:
        letter = one_proposal(queued, Stage.RENEGOTIATE)
        session.execute(update(Action).where(Action.id == letter).values(kind=ActionKind.LETTER))
    path = tmp_path / "letter.pdf"
    made = retention("queue", "letter", letter, "--out", str(path), "--json", env=environment)
    assert path.exists()
    assert len(made["address"]) == 1


def test_an_agreed_call_shows_when_it_will_be(
    queued: Application, environment: dict[str, str]
) -> None:
    call = one_proposal(queued, Stage.TERMINATE, position=0)
    on = (datetime.now(UTC) + timedelta(days=3)).date()
    made = retention("queue", "agree", call, "--as", owner(queued, call), "--at", f"{on} 10:30",
                     "--json", env=environment)  # fmt: skip
    shown = retention("queue", "show", call, "--json", env=environment)["action"]
    at = datetime.fromisoformat(made["at"]).astimezone(ZoneInfo("Europe/Madrid"))
    assert shown["agreed_for"] == f"{at:%Y-%m-%d %H:%M %Z}"
    assert shown["answers"] == {}


def test_what_came_in_is_listed(queued: Application, environment: dict[str, str]) -> None:
    found = retention("inbox", "list", "--json", env=environment)
    assert found["incoming"] == []


def test_the_templates_are_listed_shown_and_linted() -> None:
    environment: dict[str, str] = {}
    listed = retention("template", "list", "--json", env=environment)
    assert {tuple(t["languages"]) for t in listed["templates"]} == {("en", "es")}
    shown = retention("template", "render", "reward", "--language", "es", "--sample", "long",
                           "--json", env=environment)  # fmt: skip
    assert "Frigorífico" in shown["text"]
    clean = retention("template", "lint", "--json", env=environment)
    assert clean["findings"] == []


@pytest.mark.gate
@pytest.mark.parametrize(
    ("body", "front", "what"),
    [
        ("[x](http://a.example)", "", "is not https"),
        ("Until 2020-01-01.", "", "which is past"),
        ("{{ customer.nmae }}", "", "has no attribute 'nmae'"),
        ("{% for x in y %}{% endfor %}", "", "'For' is not used in templates"),
        ("{{ 'a' * 9 }}", "", "'Mul' is not used in templates"),
        ("A special offer for you.", "class: legal_notice", "a legal notice offers nothing"),
        ("Buy this.", "class: commercial", "says how to stop it"),
        ("[x](https://ex\u0430mple.com/a)", "", "is no plain host name|is not among the hosts"),
        ("[x](https://user@example.com/a)", "", "is no plain host name"),
    ],
)
def test_lint_says_what_is_wrong_before_anybody_is_written_to(
    tmp_path: Path, body: str, front: str, what: str
) -> None:
    import re
    import shutil

    from tests.conftest import ROOT

    templates = shutil.copytree(ROOT / "templates", tmp_path / "templates")
    head = front or "class: service"
    for language in ("en", "es"):
        text = f"---\nsubject: s\npreheader: p\n{head}\npolicy: at_most_once\n---\n{body}\n"
        (templates / "email" / "odd").mkdir(exist_ok=True)
        (templates / "email" / "odd" / f"{language}.md").write_text(text, "utf-8")
    found = retention(
        "template", "lint", "--json", code=1,
        env={"RETENTION_TEMPLATES_DIR": str(templates)},
    )  # fmt: skip
    assert all(f["template"].startswith("odd/") for f in found["findings"])
    assert any(re.search(what, f["what"]) for f in found["findings"]), found


def test_a_reply_is_shown_with_its_task_and_steers_no_terminal(
    queued: Application, environment: dict[str, str], tmp_path: Path
) -> None:
    with writing(queued.engine) as session:
        message = session.scalars(select(Message).order_by(Message.id)).first()
        assert message is not None
        message.state, message.sent_at = MessageState.SENT, AFTERNOON
        rendering = session.get_one(Rendering, message.action_id)
        raw = written("I contest\x1b[2J this.", to=tagged("r@example.com", rendering.token))
        row = inbox.take_in(session, read_incoming(raw), AFTERNOON, rules_of(queued))
        assert row is not None
        task = row.action_id or ""
    shown = retention("queue", "show", task, "--json", env=environment)
    assert shown["action"]["said"][0]["text"].startswith("I contest")
    plain = run("queue", "show", task, cwd=tmp_path, env=environment)
    assert "I contest·[2J this." in plain.stdout
    assert "\x1b" not in plain.stdout
