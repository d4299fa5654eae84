"""The messages under other people's eyes: html-validate, axe-core, SpamAssassin."""

import mailbox
import os
import re
import shutil
import subprocess
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from retention.db.models.work.actions import Action
from retention.domain.actions import ActionKind
from retention.domain.people import Person, Role
from retention.messages.compose import compose
from retention.messages.leaving import as_leaving
from retention.messages.rendering import MAX_HTML_BYTES, Rendered, render
from retention.messages.samples import SAMPLES, Sample
from retention.messages.sender import Sender
from retention.messages.team_mail import compose_for
from retention.messages.template_filters import Manner
from retention.messages.templates import list_templates, load_template
from retention.messages.terms import Terms
from tests.conftest import NIGHT, ROOT

TEMPLATES = ROOT / "templates"
NODE = ROOT / "node_modules"
AXE = NODE / "axe-core" / "axe.min.js"
VALIDATE = NODE / ".bin" / "html-validate"
CHROMIUM = shutil.which("chromium")
SPAMASSASSIN = shutil.which("spamassassin")
MOST_POINTS = 3.0
EVERY = list_templates(TEMPLATES)


def rendered(purpose: str, language: str, sample: Sample) -> Rendered:
    template = load_template(TEMPLATES, purpose, language)
    manner = Manner(f"{language}_{sample.country[language]}", "EUR")
    return render(TEMPLATES, template, sample.values(), manner)


@pytest.mark.gate
@pytest.mark.skipif(not VALIDATE.exists(), reason="html-validate is not installed (npm ci)")
def test_every_message_is_valid_html(tmp_path: Path) -> None:
    for purpose, language in EVERY:
        for sample in SAMPLES:
            name = f"{purpose}-{language}-{sample.name.replace(' ', '-')}.html"
            (tmp_path / name).write_text(rendered(purpose, language, sample).html, "utf-8")
    shutil.copy(ROOT / ".htmlvalidate.json", tmp_path)
    said = subprocess.run(
        [str(VALIDATE), "--formatter", "stylish", "."],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert said.returncode == 0, said.stdout[:3000]


@pytest.mark.gate
@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed (npm ci)")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_message_keeps_anybody_out(browser: Browser, scheme: str) -> None:
    page = browser.new_page(color_scheme=scheme)  # type: ignore[arg-type]
    script = AXE.read_text("utf-8")
    found = {}
    for purpose, language in EVERY:
        for sample in (SAMPLES[0], SAMPLES[3]):
            page.set_content(rendered(purpose, language, sample).html)
            page.evaluate(script)
            result = page.evaluate("axe.run(document)")
            wrong = [v["id"] for v in result["violations"]]
            if wrong:
                found[purpose, language, sample.name] = wrong
    page.close()
    assert found == {}


@pytest.mark.parametrize(("purpose", "language"), EVERY)
def test_no_message_is_too_heavy(purpose: str, language: str) -> None:
    for sample in SAMPLES:
        assert len(rendered(purpose, language, sample).html.encode()) < MAX_HTML_BYTES


MARTA = Person("marta", "Marta Ruiz", "marta.ruiz@acme-telecom.es", "+34 910 000 101",
               frozenset({Role.ACCOUNT_MANAGER}))  # fmt: skip
SENDER = Sender(
    company="Acme Telecom",
    address="accounts@acme-telecom.es",
    news_address="news@acme-telecom.es",
    currency="EUR",
    timezone="Europe/Madrid",
    templates=TEMPLATES,
    token_key=b"key",
    replies_to="replies@acme-telecom.es",
    bounces_to="bounces@acme-telecom.es",
    postal_address="Acme Telecom, Calle Mayor 1, 28013 Madrid",
    public_url="https://pages.acme-telecom.es",
)


def as_sent(purpose: str, language: str, folder: Path) -> Path:
    """A message as it arrives: our bytes under the headers that a server adds."""
    sample = SAMPLES[0]
    values = sample.values()
    more = {name: values[name] for name in ("offer", "notice", "partner", "receipt", "digest")}
    row = {
        "customer_id": "C-10045", "name": sample.customer, "email": "ana.pena@clientes.es",
        "language": language,
        "country": sample.country[language], "region": None, "timezone": "Europe/Madrid",
        "kind": "b2b", "overdue_amount": sample.overdue, "tickets_12m": 3, "top_topic": "",
        "usage_change": 0.0, "address": None,
    }  # fmt: skip
    action = Action(
        id="0ebb5216-a5e9-5941-873c-a8c8539aa6e1", template=purpose, kind=ActionKind.EMAIL,
        proposed_on=NIGHT,
    )  # fmt: skip
    of_team = {"ops_alert": ("began", "over"), "digest": ("digest",)}
    if purpose in of_team:
        who, told = replace(MARTA, language=language), {n: values[n] for n in of_team[purpose]}
        raw = compose_for(
            who, purpose, told, SENDER, datetime(2026, 6, 1, 9, 30, tzinfo=UTC), "alert-1"
        )
    else:
        made = compose(action, row, MARTA, SENDER, Terms(more=more))  # type: ignore[arg-type]
        leaves = datetime(2026, 6, 1, 9, 30, tzinfo=UTC)
        raw = as_leaving(made.raw, made.letter, leaves, SENDER.timezone, SENDER.templates)
    received = (
        b"Return-Path: <bounces@acme-telecom.es>\r\n"
        b"Received: from mail.acme-telecom.es (mail.acme-telecom.es [203.0.113.7])\r\n"
        b" by mx.clientes.es with ESMTPS id 1A2B3C for <ana.pena@clientes.es>;\r\n"
        b" Mon, 01 Jun 2026 11:30:04 +0200\r\n"
    )
    path = folder / f"{purpose}-{language}.eml"
    path.write_bytes(received + raw)
    return path


@pytest.mark.gate
@pytest.mark.skipif(SPAMASSASSIN is None, reason="spamassassin is not installed")
def test_no_message_looks_like_spam(tmp_path: Path) -> None:
    """Local tests only; what is measured is the message, not the world's opinion of the sender.

    All of them in one mailbox: starting SpamAssassin takes longer than reading a message.
    """
    sent, judged = tmp_path / "sent.mbox", tmp_path / "judged.mbox"
    with closing(mailbox.mbox(sent)) as box:
        for purpose, language in EVERY:
            box.add(as_sent(purpose, language, tmp_path).read_bytes())
    said = subprocess.run(
        [str(SPAMASSASSIN), "--local", "--test-mode", "--cf", "dns_available no", "--mbox"],
        input=sent.read_bytes(), capture_output=True, check=True, timeout=300,
        env=dict(os.environ, HOME=str(tmp_path)),
    ).stdout  # fmt: skip
    judged.write_bytes(said)
    with closing(mailbox.mbox(judged)) as box:
        found = [str(message["X-Spam-Status"]) for message in box]
    points = {}
    for name, status in zip(EVERY, found, strict=True):
        match = re.search(r"score=(-?[\d.]+)", status)
        assert match, status
        if float(match[1]) >= MOST_POINTS:
            points[name] = " ".join(status.split())
    assert points == {}
