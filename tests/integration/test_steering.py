"""What people steer by: gates that wait, explanations in two languages, the report."""

import re
import shutil
from datetime import date, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from retention.bootstrap import Application
from retention.clock import utc_now
from retention.db.models.runs import GateOverride, Run
from retention.db.models.work.actions import Action, Offer
from retention.db.models.work.cases import Case
from retention.db.session import reading, writing
from retention.domain.errors import ConfigError, NotAllowedError, NotFoundError
from retention.domain.gates import Guards, Trip
from retention.domain.offers import OfferKind, OfferState
from retention.domain.stages import PlaybookName
from retention.ladder.table_dependence import held_playbooks, tables_of
from retention.nights import gate_overrides as gates
from retention.policies.load import load_policies
from retention.reports import gather as reporting
from retention.reports.explain import explain
from retention.reports.week_told import look_back
from retention.reports.words import load_words
from retention.sources.config import Files, SourcesConfig
from retention.sources.extract import extract_features, extract_invoices
from retention.sources.gate import check_gates, profile_of
from retention.sources.tables import open_company
from tests.conftest import NIGHT, ROOT, write_sources
from tests.factories.commands import answer, retention
from tests.factories.nights import complete_all, print_of, run_night, run_nights

pytestmark = pytest.mark.usefixtures("prefect_server")

PAYING = """playbook: retain
entry: {when: overdue_amount > 0 AND late_share_12m > 0.3, nights: 1}
leave: {when: overdue_amount = 0, nights: 1}
stages:
  - stage: listen
    steps: [{action: call, form: check_in, due: 5 workdays}]
    escalate: {after: 14 days, unless: overdue_amount = 0}
  - stage: educate
    steps: [{action: email, template: education, approval: account_manager}]
    escalate: {after: 14 days, unless: overdue_amount = 0}
  - stage: reward
    steps: [{action: call, form: reward, due: 10 workdays}]
"""


@pytest.fixture
def two_playbooks(shop: Application, config_dir: Path) -> Application:
    """Beside `restore`, a playbook that looks at payments only."""
    (config_dir / "playbooks" / "retain.yaml").write_text(PAYING, encoding="utf-8")
    object.__setattr__(shop, "policies", load_policies(config_dir, shop.folders.templates))
    return shop


def test_a_playbook_depends_on_what_its_conditions_rest_on(two_playbooks: Application) -> None:
    books = two_playbooks.policies.playbooks
    assert tables_of(books[PlaybookName.RETAIN]) == {"customers", "invoices", "payments"}
    assert tables_of(books[PlaybookName.RESTORE]) >= {"tickets", "cost_events", "payments"}
    assert held_playbooks(books, {"tickets"}) == {PlaybookName.RESTORE}
    assert held_playbooks(books, {"usage"}) == set()
    assert held_playbooks(books, {"customers"}) == set(books)


@pytest.mark.gate
def test_bad_ticket_data_holds_one_playbook_and_not_the_other(
    two_playbooks: Application, config_dir: Path, company_data: Path, tmp_path: Path
) -> None:
    run_nights(NIGHT - timedelta(days=1), 2)
    data = tmp_path / "data"
    data.mkdir()
    for table in company_data.iterdir():
        if table.name != "tickets":
            (data / table.name).symlink_to(table)
    (data / "tickets.csv").write_text("ticket_id,customer_id,opened_at\n1,C0000001,soon\n")
    write_sources(config_dir, data)
    good = two_playbooks.policies
    object.__setattr__(two_playbooks, "policies",
                       load_policies(config_dir, two_playbooks.folders.templates))  # fmt: skip
    held = run_night(NIGHT)
    assert held["pull"]["held_playbooks"] == ["restore"]
    assert "not a valid moment" in held["pull"]["tripped"]["tickets"]
    assert "ticket_minutes_12m" in held["scores"]["no_data"]
    with reading(two_playbooks.engine) as session:
        opened = set(session.scalars(select(Case.playbook)))
        assert opened == {PlaybookName.RETAIN}
    # However long it is gone, the table is still expected: its protections must not be forgotten.
    (data / "tickets.csv").unlink()
    object.__setattr__(two_playbooks, "policies",
                       load_policies(config_dir, two_playbooks.folders.templates))  # fmt: skip
    for later in range(1, 3):
        gone = run_night(NIGHT + timedelta(days=later))
        assert gone["pull"]["tripped"]["tickets"].startswith("missing tonight: tickets")
        assert gone["pull"]["held_playbooks"] == ["restore"]
    # The third good night in a row opens the cases: the held one has neither counted nor reset.
    object.__setattr__(two_playbooks, "policies", good)
    after = run_night(NIGHT + timedelta(days=3))
    assert after["pull"]["tripped"] == {}
    assert after["decisions"]["decisions"]["restore:reassess"] > 10


def test_accepting_needs_a_role_and_a_reason(shop: Application) -> None:
    team, trip = shop.policies.team, Trip("tickets", "70 rows, 100 before", "")
    with writing(shop.engine) as session:
        with pytest.raises(NotAllowedError, match="'marta' may not accept data"):
            gates.accept(session, trip, team.get("marta"), "a good reason", NIGHT, utc_now())
        with pytest.raises(NotAllowedError, match="the reason says nothing"):
            gates.accept(session, trip, team.get("diana"), "  ok ", NIGHT, utc_now())
        for reason in ("half was archived", "half was archived on Friday"):
            gates.accept(session, trip, team.get("diana"), reason, NIGHT, utc_now())
    with reading(shop.engine) as session:
        kept = session.scalars(select(GateOverride)).one()
        assert (kept.person_id, kept.reason) == ("diana", "half was archived on Friday")
        assert gates.accepted(session, NIGHT) == {("tickets", "70 rows, 100 before"): "diana"}
        assert gates.accepted(session, NIGHT + timedelta(days=1)) == {}


def test_only_what_has_tripped_can_be_accepted(shop: Application) -> None:
    with pytest.raises(NotFoundError, match="table 'ticket': is no canonical table"):
        gates.trip_of(shop.policies, shop.folders, "ticket", NIGHT, [])
    with pytest.raises(NotFoundError, match="gate of tickets: has found nothing to accept"):
        gates.trip_of(shop.policies, shop.folders, "tickets", NIGHT, [])


@pytest.mark.gate
def test_gates_on_the_command_line(config_dir: Path, company_data: Path, tmp_path: Path) -> None:
    env = {"RETENTION_CONFIG_DIR": str(config_dir), "RETENTION_STATE_DIR": str(tmp_path / "state")}
    shown = answer(
        retention("gate", "show", "--as-of", "2026-05-31", "--json", cwd=tmp_path, env=env)
    )
    assert {row["table"] for row in shown["gates"]["tables"]} >= {"invoices", "tickets"}
    assert shown["gates"]["held_playbooks"] == []
    assert not (tmp_path / "state" / "retention.db").exists()
    ran = retention("run", "--allow-late", "--as-of", "2026-05-30", cwd=tmp_path, env=env)
    assert ran.returncode == 0, ran.stderr
    less = shutil.copytree(company_data, tmp_path / "less")
    for part in sorted((less / "surveys").glob("*.parquet"))[:12]:
        part.unlink()
    write_sources(config_dir, less)
    told = retention("gate", "show", "--as-of", "2026-05-31", cwd=tmp_path, env=env).stdout
    assert "These playbooks would wait: retain." in told  # the churn model looks at surveys
    done = retention(
        "gate", "accept", "surveys", "--as", "diana", "--reason", "archived by the helpdesk",
        "--as-of", "2026-05-31", "--json", cwd=tmp_path, env=env,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert answer(done)["accepted"]["by"] == "diana"
    night = answer(
        retention("run", "--allow-late", "--as-of", "2026-05-31", "--json", cwd=tmp_path, env=env)
    )
    assert night["night"]["pull"]["accepted"] == {"surveys": "diana"}
    assert night["night"]["pull"]["tripped"] == {}


def explained(shop: Application, customer: str) -> dict[str, Any]:
    with reading(shop.engine) as session:
        return explain(session, shop.policies, shop.folders, customer, None)


@pytest.mark.nights(1)
def test_an_explanation_holds_together(shop: Application) -> None:
    with reading(shop.engine) as session:
        assert session.scalars(select(Run)).one().summary is not None
    poor = next(
        found
        for found in (explained(shop, f"C{n:07d}") for n in range(300))
        if found["fit"] == "poor" and found["evidence"]
    )
    profit = next(s for s in poor["sums"] if s["name"] == "net_profit_12m")
    assert sum(float(v) for v in profit["parts"].values()) == pytest.approx(float(profit["total"]))
    months = sum(month["net_profit"] for month in poor["months"])
    assert months == pytest.approx(float(profit["total"]))
    assert poor["freshness"]["invoices"]["newest"] == "2026-05-01"
    better = [c for c in poor["counterfactuals"] if c["question"] == "fit"]
    assert {c["becomes"] for c in better} <= {"fixable", "good", "no_data"}
    assert better
    assert all(row["happened_on"] <= NIGHT.isoformat() for row in poor["evidence"])


@pytest.mark.gate
def test_explain_speaks_both_languages_and_json(config_dir: Path, tmp_path: Path) -> None:
    env = {"RETENTION_CONFIG_DIR": str(config_dir), "RETENTION_STATE_DIR": str(tmp_path / "state")}
    retention("run", "--allow-late", "--as-of", "2026-05-31", cwd=tmp_path, env=env)
    spanish = retention("explain", "C0000002", "--language", "es", cwd=tmp_path, env=env).stdout
    english = retention("explain", "C0000002", cwd=tmp_path, env=env).stdout
    assert "Qué lo cambiaría" in spanish
    assert "What would change it" in english
    assert "amount, EUR" in english, "each table of figures says its unit"
    assert re.search(r"Net profit by month, EUR", english)
    assert re.search(r"importe, (EUR|puntos)", spanish)
    assert re.search(r"-?\d{1,3}(\.\d{3})*,\d\d", spanish), "as they are written there"
    told = answer(
        retention("explain", "C0000002", "--language", "es", "--json", cwd=tmp_path, env=env)
    )
    assert told["customer"]["sentences"][0] in spanish
    other = retention("explain", "C0000002", "--language", "fr", cwd=tmp_path, env=env)
    assert other.returncode == 1
    assert "language 'fr' has no words" in " ".join(other.stderr.split()).replace(":", "")


class Page(HTMLParser):
    """Collects what a page refers to and how it is built."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name in ("src", "href", "xlink:href") and value and not value.startswith("#"):
                self.links.append(value)
            if name == "id" and tag == "section":
                self.ids.append(value or "")


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.nights(1)
def test_the_report_is_one_page_that_needs_nothing_else(shop: Application, language: str) -> None:
    made = reporting.make_report(shop.folders, NIGHT, "Café & Söhne <GmbH>", language)
    page = Page()
    page.feed(made.html)
    assert page.links == []
    assert page.ids == ["whale", "tiers", "archetypes", "fit", "churn", "ageing", "service",
                        "calibration", "entry"]  # fmt: skip
    assert page.tags.count("svg") == 2 * 7, "one for a desk and one for a telephone"
    assert page.tags.count("table") == 7
    assert "Café &amp; Söhne &lt;GmbH&gt;" in made.html
    assert "@import" not in made.html
    assert "customers.example" not in made.html
    assert all(title and "{" not in title for title in made.titles)
    again = reporting.make_report(shop.folders, NIGHT, "Café & Söhne <GmbH>", language)
    assert again.html == made.html


def test_a_report_without_a_night_or_a_language_says_so(shop: Application) -> None:
    with pytest.raises(NotFoundError, match="Run 'retention run' first"):
        reporting.make_report(shop.folders, NIGHT, "X", "en")
    run_night(NIGHT)
    with pytest.raises(ConfigError, match="language 'fr': has no words. Choose one of: en, es"):
        reporting.make_report(shop.folders, NIGHT, "X", "fr")


def test_tonight_s_risk_is_that_of_an_invoice_issued_tonight(company_data: Path) -> None:
    """The row that nights score must be the row that the model was taught with."""
    day = date(2026, 3, 1)  # every customer was invoiced that day
    config = SourcesConfig(connections={"here": Files(kind="files", path=str(company_data))})
    company = open_company(config, ROOT, {}, "Europe/Madrid")
    taught = extract_invoices(company, NIGHT).to_pandas()
    taught = taught[taught["issued_on"].astype(str) == day.isoformat()].set_index("customer_id")
    tonight = extract_features(company, day).wide.to_pandas().set_index("customer_id")
    company.close()
    assert len(taught) > 200
    for name in ("known_before", "late_before", "days_late_before", "tenure"):
        ours = tonight.loc[taught.index, f"risk_{name}"].astype(float)
        assert (ours.fillna(-1) - taught[name].astype(float).fillna(-1)).abs().max() < 1e-9, name


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.nights(3)
def test_a_report_begins_with_the_week_and_what_is_stuck(shop: Application, language: str) -> None:
    """What this week did stands beside the week before, as the database has it."""
    complete_all(shop, NIGHT)
    run_night(NIGHT + timedelta(days=1))
    with reading(shop.engine) as session:
        told = look_back(session, NIGHT + timedelta(days=1), "Europe/Madrid")
        opened = session.scalar(select(func.count()).select_from(Case)) or 0
        last_week = look_back(session, NIGHT + timedelta(days=8), "Europe/Madrid")
    assert told.week.opened == opened > 0
    assert told.week.moved > 0
    assert told.before.opened == 0
    assert last_week.before == told.week
    made = reporting.make_report(shop.folders, NIGHT + timedelta(days=1), "X", language, told)
    page = Page()
    page.feed(made.html)
    assert page.ids[0] == "week"
    words = load_words(shop.folders.templates, language)
    assert words.say("week_opened", "report") in made.html
    assert words.say("stuck_title", "report") in made.html


@pytest.mark.nights(3)
def test_accepted_offers_are_what_a_week_brings(shop: Application) -> None:
    """A higher fee brings, a prepaid discount costs; what was declined counts for nothing."""
    with writing(shop.engine) as session:
        cases = list(session.scalars(select(Case).order_by(Case.id).limit(3)))
        fees = [("100", "130", OfferState.ACCEPTED), ("50", "45", OfferState.ACCEPTED),
                ("10", "99", OfferState.DECLINED)]  # fmt: skip
        for case, (old, new, state) in zip(cases, fees, strict=True):
            action = session.scalars(select(Action.id).where(Action.case_id == case.id)).first()
            session.add(
                Offer(
                    id=case.id, action_id=action, case_id=case.id, stage=case.stage, version=1,
                    kind=OfferKind.PRICE, state=state, current_fee=Decimal(old),
                    new_fee=Decimal(new), currency="EUR", expires_on=NIGHT, answered_on=NIGHT,
                )
            )  # fmt: skip
    with reading(shop.engine) as session:
        told = look_back(session, NIGHT, "Europe/Madrid")
    assert told.week.saved == Decimal((30 - 5) * 12)


@pytest.mark.nights(1)
def test_a_report_changes_nothing(shop: Application) -> None:
    before = print_of(shop)
    reporting.make_report(shop.folders, NIGHT, "X", "en")
    assert print_of(shop) == before


def test_payments_that_are_left_out_make_nobody_late(
    shop: Application, config_dir: Path, company_data: Path, tmp_path: Path
) -> None:
    """A tripped gate must not look like a company whose customers never pay."""
    fading = PAYING.replace("overdue_amount > 0 AND late_share_12m > 0.3", "usage_change < -0.4")
    fading = fading.replace("overdue_amount = 0", "usage_change > 0")
    (config_dir / "playbooks" / "retain.yaml").write_text(fading, encoding="utf-8")
    data = tmp_path / "data"
    data.mkdir()
    for table in company_data.iterdir():
        if table.name != "payments":
            (data / table.name).symlink_to(table)
    (data / "payments.csv").write_text("customer_id,paid_on,amount\nC0000001,soon,1\n")
    write_sources(config_dir, data)
    object.__setattr__(shop, "policies", load_policies(config_dir, shop.folders.templates))
    night = run_night(NIGHT)
    assert night["pull"]["held_playbooks"] == ["restore"]
    assert {"overdue_amount", "payment_index", "profit_credit_loss", "profit_collection",
            "late_payment_probability"} <= set(night["scores"]["no_data"])  # fmt: skip
    assert "non_payer" not in night["scores"]["archetype"]


def test_what_was_accepted_is_what_later_nights_compare_with(tmp_path: Path) -> None:
    tables: dict[str, Any] = {"tickets": {"rows": 70, "newest": None, "sum": None, "empty": {}}}
    before: dict[str, Any] = {"tickets": {"rows": 100, "newest": None, "sum": None, "empty": {}}}
    columns = {"tickets": ["ticket_id", "customer_id", "opened_at"]}
    accepted = {"as_of": "2026-05-30", "tables": tables, "expected": columns,
                "accepted": {"tickets": "diana"}}  # fmt: skip
    history = [accepted] + [{"as_of": "2026-05-29", "tables": before, "expected": columns}] * 10
    rows = "".join(f"{n},1,2026-05-01\n" for n in range(70))
    (tmp_path / "customers.csv").write_text("customer_id,name\n1,Ana\n")
    (tmp_path / "tickets.csv").write_text("ticket_id,customer_id,opened_at\n" + rows)
    config = SourcesConfig(connections={"here": Files(kind="files", path=str(tmp_path))})
    company = open_company(config, ROOT, {}, "Europe/Madrid")
    profiles = {name: profile_of(company, name, NIGHT) for name in company.mapped}
    assert check_gates(company, profiles, history, Guards(), NIGHT) == []
