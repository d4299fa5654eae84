"""The demo company at work: nights, its people's decisions, deliveries and customers' answers."""

import base64
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from retention.bootstrap import Application
from retention.clock import travel
from retention.db.models.work.actions import Action
from retention.db.models.work.cases import Case
from retention.db.session import reading
from retention.demo.simulation import (
    Simulation,
    change_contract,
    end_contracts,
    history,
    next_month,
    treat,
    truth,
)
from retention.demo.writers import Writer
from retention.domain.actions import ActionKind, ActionState
from retention.domain.cases import CaseState
from retention.domain.dates import WEEKDAYS
from retention.domain.offers import OfferKind
from retention.domain.stages import LADDERS, PlaybookName, Stage
from retention.nights.score_shards import score_all
from retention.play.workforce import Workforce
from retention.reports.gather import make_report
from retention.reports.week_told import look_back
from retention.terminal import make_console, print_table

_MADRID_MORNING, _AFTERNOON = time(9, 0), time(17, 30)
# The schedule delivers each minute: what waits for the first of its mailing, or for a holiday
# to end, leaves in one of these.
_ROUNDS = (timedelta(), timedelta(minutes=40), timedelta(days=1), timedelta(days=2))
_SHOWN = 12


def morning_of(as_of: date) -> datetime:
    """Return the morning after a night, when people work."""
    zone = ZoneInfo("Europe/Madrid")
    return datetime.combine(as_of + timedelta(days=1), _MADRID_MORNING, zone)


def post_of(as_of: date) -> datetime:
    """Return when messages leave after a night: in working hours from Mexico to Spain."""
    day = as_of + timedelta(days=1)
    while not WEEKDAYS.is_workday(day):
        day += timedelta(days=1)
    return datetime.combine(day, _AFTERNOON, ZoneInfo("Europe/Madrid"))


@dataclass(slots=True)
class DemoCompany:
    """The simulated company and the retention that runs on it.

    `turned` says since when a customer, in truth, is a good one: nothing in the data does.
    """

    simulation: Simulation
    writer: Writer
    shop: Application
    archetypes: dict[str, str] = field(default_factory=dict)
    treated: set[tuple[str, Stage]] = field(default_factory=set)
    turned: dict[str, date] = field(default_factory=dict)
    last_night: date = date.min

    @property
    def workforce(self) -> "Workforce":
        """The people who work at this company."""
        return Workforce(self.shop, self.archetypes)

    def write_history(self) -> None:
        """Draw and write the two years before the first night."""
        for part, tables in history(self.simulation):
            self.writer.write(part, tables)
        known = truth(self.simulation)
        self.archetypes = dict(
            zip(known["customer_id"].to_pylist(), known["archetype"].to_pylist(), strict=True)
        )

    def live_one_week(self, as_of: date, *, people_work: bool) -> None:
        """Let the month happen, run the night without Prefect, and let people work."""
        self._happen(as_of)
        self._night(as_of)
        if people_work:
            self.workforce.work()
            self._deliver(as_of)
            self._respond(as_of)
        else:
            self.workforce.govern()

    def _happen(self, as_of: date) -> None:
        while self.simulation.through <= as_of:
            for part, tables in next_month(self.simulation):
                self.writer.write(part, tables)

    def _night(self, as_of: date) -> None:
        """The steps of the nightly flow as plain functions: months are played in seconds."""
        from tasks.nightly import claim_run, pull_sources, release_decisions

        claim = claim_run.fn(as_of)
        pulled = pull_sources.fn(as_of)
        scored = score_all(self.shop.policies.costs, self.shop.folders, pulled)
        release_decisions.fn(claim, pulled, scored)
        self.last_night = as_of

    def night_through_prefect(self, as_of: date) -> dict[str, Any]:
        """Run the real nightly flow."""
        from flows.nightly import nightly
        from flows.parameters import NightlyParameters

        self._happen(as_of)
        with travel(morning_of(as_of)):
            summary = nightly(NightlyParameters(as_of=as_of))
        self.last_night = as_of
        return summary

    def deliver_through_prefect(self, as_of: date) -> dict[str, int]:
        """Run the real delivery flow."""
        from flows.deliver import deliver

        with travel(post_of(as_of)):
            states = deliver().states
        print_table("Delivered", ("state", "messages"), states.items(), right=(1,))
        return states

    def _deliver(self, as_of: date) -> None:
        from tasks.delivery import deliver_due

        for later in _ROUNDS:
            with travel(post_of(as_of) + later):
                if not deliver_due.fn(10_000).waiting:
                    return

    def _respond(self, as_of: date) -> None:
        """Customers respond once to each stage that really reached them."""
        with reading(self.shop.engine) as session:
            done = session.execute(
                select(Action.customer_id, Action.stage).where(Action.state == ActionState.DONE)
            ).all()
            over = session.scalars(
                select(Case.customer_id).where(Case.state == CaseState.TERMINATED)
            ).all()
        new = {(customer, stage) for customer, stage in done} - self.treated
        turned = set(treat(self.simulation, new))
        for customer in turned:
            self.turned.setdefault(customer, as_of)
        self.treated |= new
        end_contracts(self.simulation, over)
        for customer, offer in self.workforce.log_answers(turned, as_of):
            if offer.new_fee is not None:
                prepaid = offer.kind is OfferKind.PREPAID
                change_contract(self.simulation, customer, float(offer.new_fee), prepaid=prepaid)

    def show_tonight(self, night: dict[str, Any]) -> None:
        """Print the night and the first proposals with their reasons."""
        from retention.cli.night_printing import show_night

        show_night(night)
        with reading(self.shop.engine) as session:
            rows = [
                (a.id[:8], a.customer_id, a.template, reason.replace(";", ", "), profit)
                for a, reason, profit in _proposals(session, self.shop, self.last_night)
            ]
        print_table(
            f"Messages proposed, and why ({min(len(rows), _SHOWN)} of {len(rows)})",
            ("id", "customer", "what", "why", "net profit"),
            rows[:_SHOWN],
            right=(4,),
        )

    def approve_tonight(self, as_of: date) -> int:
        """Approve half of every stage, each in the roles that the playbook asks for."""
        with travel(morning_of(as_of)):
            count, names = self.workforce.approve_half()
        people = ", ".join(sorted(names))
        make_console().print(f"{people} approved {count} messages, each in their own role.")
        return count

    def learn_from_the_past(self, as_of: date) -> None:
        """Fit and back-test who leaves and who pays late, through Prefect."""
        from flows.learn import learn
        from flows.parameters import WeeklyParameters

        with travel(morning_of(as_of)):
            learnt = learn(WeeklyParameters(as_of=as_of))
        rows = [
            (kind, "accepted" if found["accepted"] else "refused", found["auc"], found["reason"])
            for kind, found in learnt.items()
        ]
        print_table("Models", ("model", "verdict", "AUC", "why"), rows, right=(2,))

    def write_report(self, as_of: date, home: Path) -> list[Path]:
        """Write the report in both languages, and its first chart as a picture."""
        with reading(self.shop.engine) as session:
            told = look_back(session, as_of, self.shop.settings.timezone)
        company, brand = self.shop.settings.company_name, self.shop.policies.brand
        for language in ("es", "en"):  # the picture is the last one's
            made = make_report(self.shop.folders, as_of, company, language, told, brand)
            (home / f"report.{language}.html").write_text(made.html, encoding="utf-8")
        picture = home / "whale_curve.png"
        picture.write_bytes(base64.b64decode(made.picture.partition(",")[2]))
        return [home / "report.en.html", home / "report.es.html", picture]

    def interesting_customer(self) -> str:
        """Return the customer whose case has come furthest on the ladder of five steps."""
        with reading(self.shop.engine) as session:
            cases = session.scalars(select(Case).where(Case.closed_on.is_(None))).all()
        order = [Stage.LISTEN, Stage.REWARD, *LADDERS[PlaybookName.RESTORE]]
        furthest = max(cases, key=lambda case: (order.index(case.stage), case.customer_id))
        return furthest.customer_id


def _proposals(session: Session, shop: Application, as_of: date) -> list[tuple[Action, str, str]]:
    from retention.snapshots.customers import read_rows

    found = session.scalars(
        select(Action)
        .where(Action.proposed_on == as_of, Action.kind == ActionKind.EMAIL)
        .order_by(Action.stage.desc(), Action.id)
    ).all()
    customers = {action.customer_id for action in found}
    rows = read_rows(shop.folders.snapshots, as_of, customers)
    return [
        (a, rows[a.customer_id]["reason_codes"] or "", str(rows[a.customer_id]["net_profit_12m"]))
        for a in found
    ]
