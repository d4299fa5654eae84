"""A small world for nights without sources: customers whose scores a test sets by hand."""

import atexit
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cache, partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
from sqlalchemy import select
from sqlalchemy.orm import Session

from retention.actions import approval as approvals
from retention.actions import completion as completing
from retention.bootstrap import Application, build_application
from retention.db.models.work.actions import Action
from retention.db.models.work.messages import Message
from retention.db.queries import actions as queries
from retention.db.session import make_engine, reading, writing
from retention.delivery import attempts, last_check
from retention.delivery import claim as delivery
from retention.domain.actions import ActionState
from retention.domain.errors import RetentionError
from retention.domain.limits import BatchState
from retention.domain.messages import AttemptStage, MessageState, verdict_of
from retention.domain.runs import RunState
from retention.domain.scores import SCORE_COLUMNS, Kind
from retention.domain.summaries import PullSummary, as_json
from retention.ladder import held_batches as batches
from retention.ladder.decide_night import decide_night
from retention.ladder.table_dependence import held_playbooks
from retention.people.actor import Actor
from retention.runs import ledger as runs
from retention.snapshots import store as snapshots
from tests.conftest import ROOT, make_settings
from tests.factories.databases import migrated_sqlite
from tests.factories.nights import ANSWERS, OUTCOMES

_TYPES = {
    Kind.TEXT: pa.string(),
    Kind.FLAG: pa.bool_(),
    Kind.COUNT: pa.int64(),
    Kind.MONEY: pa.decimal128(18, 2),
    Kind.RATIO: pa.float64(),
    Kind.POINTS: pa.int64(),
    Kind.DATE: pa.date32(),
}
SCHEMA = pa.schema([(column.name, _TYPES[column.kind]) for column in SCORE_COLUMNS])
_PEOPLE = ("customer_id", "name", "email", "phone", "language", "country", "timezone", "kind",
           "account_manager", "currency", "address")  # fmt: skip
_CONTACT = pa.struct([(name, pa.string()) for name in ("name", "role", "email", "phone")])
_BILL = pa.struct(
    [("number", pa.string()), ("due_on", pa.date32()), ("amount", pa.decimal128(18, 2))]
)
_PERSON = pa.schema(
    [
        *((name, pa.string()) for name in _PEOPLE),
        ("marketing_consent", pa.bool_()),
        ("contacts", pa.list_(_CONTACT)),
        ("contract_numbers", pa.list_(pa.string())),
        ("leaving_on", pa.date32()),
        ("overdue_bills", pa.list_(_BILL)),
        ("overdue_count", pa.int64()),
    ]
)


@dataclass(slots=True)
class Somebody:
    """One customer: who costs money, whom nothing protects, unless a test says otherwise."""

    customer_id: str
    profit: int = -1000
    overdue: int = 200
    complaint: bool = False
    disputed: int = 0
    vulnerable: bool = False
    contacts_change: float = 0.5
    left_on: date | None = None
    leaving_on: date | None = None
    email: str | None = "somebody@customers.example"
    present: bool = True
    country: str | None = "ES"
    prepaid: bool = False
    recovering: bool = False
    phone: str | None = None

    def scores(self) -> dict[str, Any]:
        """Return the score row of a night; what is not said is not known."""
        known = {
            "customer_id": self.customer_id,
            "kind": "b2c",
            "country": self.country,
            "language": "es",
            "strategic": False,
            "vulnerable": self.vulnerable,
            "has_email": self.email is not None,
            "active_contracts": 0 if self.left_on else 1,
            "contract_ended_on": self.left_on,
            "monthly_fee": Decimal("50.00"),
            "notice_days": 30,
            "notice_terms": "|30|2024-01-01|",
            "prepaid": self.prepaid,
            "net_profit_12m": Decimal(self.profit),
            "net_profit_12m_low": Decimal(self.profit - 100),
            "net_profit_12m_high": Decimal(self.profit + 100),
            "run_rate": Decimal(self.profit),
            "run_rate_low": Decimal(self.profit - 100),
            "run_rate_high": Decimal(self.profit + 100),
            "run_rate_prior": Decimal(self.profit),
            "recovering": self.recovering,
            "overdue_amount": Decimal(self.overdue),
            "disputed_amount": Decimal(self.disputed),
            "open_complaint": self.complaint,
            "contacts_per_month_change": self.contacts_change,
            "fit": "poor" if self.profit < 0 else "good",
            "usage_change": 0.0,
            "worth_retaining": False,
        }
        return {name: known.get(name) for name in SCHEMA.names}

    def person(self) -> dict[str, Any]:
        """Return the name and address of a night."""
        return {
            "customer_id": self.customer_id,
            "name": f"Ana Peña {self.customer_id}",
            "email": self.email,
            "phone": self.phone,
            "language": "es",
            "country": self.country,
            "timezone": "Europe/Madrid",
            "kind": "b2c",
            "account_manager": "marta",
            "currency": "EUR",
            "address": "Calle Mayor 1\n28013 Madrid",
            "marketing_consent": None,
            "contacts": [
                {
                    "name": "Luis Gil",
                    "role": "billing",
                    "phone": "+34 910 555 010",
                    "email": f"facturas+{self.customer_id}@example.com",
                }
            ],
            "leaving_on": self.leaving_on,
            "contract_numbers": [] if self.left_on else [f"K-{self.customer_id}"],
            "overdue_bills": [
                {
                    "number": f"F-{self.customer_id}",
                    "due_on": date(2026, 1, 2),
                    "amount": Decimal(self.overdue),
                }
            ],
            "overdue_count": 1,
        }


def write_night(root: Path, as_of: date, people: list[Somebody], ties: list[Any]) -> None:
    """Write a snapshot that holds exactly these customers."""
    here = sorted((p for p in people if p.present), key=lambda p: p.customer_id)
    snapshots.begin(root, as_of, {"as_of": as_of.isoformat(), "shards": 1, "costs": {}})
    rows = pa.Table.from_pylist([p.scores() for p in here], schema=SCHEMA)
    snapshots.write_shard(root, as_of, snapshots.SCORES, 0, rows)
    named = pa.Table.from_pylist(
        [p.person() for p in here],
        schema=_PERSON,
    )
    snapshots.write_shard(root, as_of, snapshots.PEOPLE, 0, named)
    pairs = pa.table(
        {
            "customer_id": pa.array([a for a, _ in ties], pa.string()),
            "other_id": pa.array([b for _, b in ties], pa.string()),
            "tie": pa.array(["parent"] * len(ties), pa.string()),
        }
    )
    snapshots.write_shard(root, as_of, snapshots.TIES, 0, pairs)
    snapshots.note(root, as_of, complete=True)


FIRST = date(2026, 1, 5)
MADRID = ZoneInfo("Europe/Madrid")
CAP = 2
LONGEST = timedelta(days=732)
_LONG = {"90 days": "20 days", "35 days": "9 days", "30 days": "8 days", "10 workdays": "30 days"}


def small_config(folder: Path) -> Path:
    """The shipped playbooks with short clocks, tight caps, and a second director."""
    shutil.copytree(ROOT / "config", folder)
    playbook = folder / "playbooks" / "restore.yaml"
    text = playbook.read_text("utf-8")
    for long, short in _LONG.items():
        text = text.replace(long, short)
    playbook.write_text(text, "utf-8")
    guards = folder / "guards.yaml"
    text = guards.read_text("utf-8").replace("restore: 0.10, retain: 0.10", "restore: 0, retain: 0")
    for effect in ("renegotiate", "migrate", "terminate", "terminated"):
        line = next(row for row in text.splitlines() if row.strip().startswith(f"{effect}:"))
        cap = f"    {effect}: {{share: 1.0, count: {CAP}, least: 0}}"
        text = text.replace(line, cap)
    guards.write_text(text.replace("gap_days: 7", "gap_days: 30"), "utf-8")
    sending = folder / "sending.yaml"
    sending.write_text(sending.read_text("utf-8").replace("undo_minutes: 10", "undo_minutes: 0"))
    team = folder / "team.yaml"
    dora = (
        '  - {id: dora, name: Dora Ibáñez, email: d@example.com, phone: "1", roles: [director]}\n'
    )
    team.write_text(team.read_text("utf-8") + dora, "utf-8")
    return folder


@cache
def small_application() -> Application:
    """The small company, whose files no test changes; each world has its own state."""
    config = small_config(Path(tempfile.mkdtemp(prefix="retention-small-")) / "config")
    atexit.register(shutil.rmtree, config.parent, ignore_errors=True)
    (config / "sources.yaml").write_text(
        'connections:\n  demo: {kind: files, path: "nowhere"}\n', "utf-8"
    )
    return build_application(make_settings(config, config.parent / "state", "sqlite://"))


@dataclass(frozen=True, slots=True)
class Kept:
    """A world as it was at some moment."""

    home: Path
    today: date
    blocked: dict[str, set[date]]
    people: list[Somebody]


_KEPT: dict[tuple[str, ...], Kept] = {}


class World:
    """Five customers, a team, and a clock that only nights move. Nothing is sent anywhere."""

    def begin(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="retention-law-"))
        self.shop: Application = self._application(migrated_sqlite(self.home / "state.db"))
        self.begun = self.shop
        self.people = [Somebody(f"C{n}") for n in range(5)]
        self.today = FIRST
        self.ties: list[tuple[str, str]] = []
        self.blocked: dict[str, set[date]] = defaultdict(set)
        self.links: dict[str, dict[str, str]] = {}
        """The tokens of messages that have left, by action and purpose: what customers got."""

    def _application(self, url: str) -> Application:
        """The small company's application, on this world's own database and folders."""
        like = small_application()
        state = self.home / "state"
        settings = make_settings(like.settings.config_dir, state, url)
        folders = replace(
            like.folders,
            snapshots=settings.snapshots_dir,
            staging=settings.staging_dir,
            models=settings.models_dir,
        )
        return replace(like, settings=settings, engine=make_engine(url), folders=folders)

    def kept(self, what: str, live: Callable[[], None]) -> None:
        """Live through something once in a process; a world that begins alike gets a copy of it."""
        alike = self.shop is self.begun and self.today == FIRST and not self.ties
        if not alike:
            live()
            return
        key = (what, *map(repr, self.people))
        if key not in _KEPT:
            live()
            _KEPT[key] = self._keep()
        else:
            self._take(_KEPT[key])

    def _keep(self) -> "Kept":
        self.shop.engine.dispose()
        home = Path(shutil.copytree(self.home, Path(tempfile.mkdtemp()) / "kept"))
        atexit.register(shutil.rmtree, home.parent, ignore_errors=True)
        return Kept(home, self.today, deepcopy(self.blocked), deepcopy(self.people))

    def _take(self, kept: "Kept") -> None:
        self.shop.engine.dispose()
        shutil.copytree(kept.home, self.home, dirs_exist_ok=True)
        self.today, self.unchecked = kept.today, True
        self.blocked, self.people = deepcopy(kept.blocked), deepcopy(kept.people)

    def teardown(self) -> None:
        if hasattr(self, "shop"):
            self.shop.engine.dispose()
            shutil.rmtree(self.home)

    @property
    def now(self) -> datetime:
        return datetime.combine(self.today + timedelta(days=1), time(9), MADRID)

    def actor(self, who: str) -> Actor:
        person = self.shop.policies.team.get(who)
        tomorrow = self.today + timedelta(days=1)
        return Actor(self.shop.policies, person, self.now, tomorrow, "Europe/Madrid")

    def attempt(self, work: Callable[[Session], Any]) -> None:
        """Do something that the rules may refuse; a refusal changes nothing."""
        try:
            with writing(self.shop.engine) as session:
                work(session)
        except RetentionError:
            pass

    def night(self, days: int, tripped: tuple[str, ...] = ()) -> None:
        self.unchecked = True
        self.today += timedelta(days=days)
        folders = self.shop.folders
        write_night(folders.snapshots, self.today, self.people, self.ties)
        for person in self.people:
            if person.complaint or person.disputed or person.vulnerable or person.profit > 0:
                self.blocked[person.customer_id].add(self.today)
        here = sum(person.present for person in self.people)
        held = held_playbooks(self.shop.policies.playbooks, set(tripped))
        pulled = PullSummary(self.today, {}, {}, here, here, tripped=dict.fromkeys(tripped, "bad"),
                             held_playbooks=tuple(sorted(held)))  # fmt: skip
        with writing(self.shop.engine) as session:
            claim = runs.claim(
                session, "nightly", self.today, self.now, timedelta(hours=1),
                today=self.today + timedelta(days=1),
            )  # fmt: skip
            made = decide_night(session, self.shop.policies, folders, self.shop.sender, pulled)
            summary = {"pull": as_json(pulled), "decisions": as_json(made)}
            runs.finish(session, claim, RunState.COMPLETED, summary, self.now)

    def everybody_does_their_work(self) -> None:
        with reading(self.shop.engine) as session:
            ids = session.scalars(
                select(Action.id).where(
                    Action.state.in_([ActionState.PENDING_APPROVAL, ActionState.APPROVED])
                )
            ).all()
        for action_id in ids:
            self.attempt(partial(self._complete, action_id=action_id, who="marta"))
            for who in ("marta", "fran", "diana"):
                self.attempt(partial(self.look_and_approve, action_id=action_id, who=who))

    def look_and_approve(self, session: Session, action_id: str, who: str) -> None:
        action, actor = queries.get(session, action_id), self.actor(who)
        if action.rendering is not None:
            approvals.note_viewing(session, action, actor)
        approvals.approve(session, action_id, actor)

    def _complete(
        self, session: Session, action_id: str, who: str, outcome: str = "unwilling"
    ) -> None:
        action = session.get_one(Action, action_id)
        said = outcome
        if action.form != "reassessment" and outcome != "not_reached":
            said = OUTCOMES.get(action.form or "", "talked")
        answers = ANSWERS.get(action.form or "", {})
        completing.complete(
            session, action_id, self.actor(who), outcome=said, note="as we were told on the phone",
            answers=answers,
        )  # fmt: skip

    def post(self, fate: str, at: datetime | None = None) -> None:
        self.unchecked = True
        rules = last_check.Rules("Europe/Madrid", timedelta(hours=72), self.shop.policies.team)
        with reading(self.shop.engine) as session:
            ids = session.scalars(
                select(Message.id).where(
                    Message.state.in_([MessageState.QUEUED, MessageState.RETRY_WAIT])
                )
            ).all()
        for message_id in ids:
            with writing(self.shop.engine) as session:
                claims = delivery.claim_checked(session, [message_id], at or self.now, rules)
                if not claims.taken:
                    continue
                self.links[claims.taken[0].action_id] = dict(claims.taken[0].tokens)
                stage, code = {
                    "sent": (AttemptStage.REPLIED, 250),
                    "refused": (AttemptStage.RCPT, 550),
                    "lost": (AttemptStage.DOT, None),
                    "later": (AttemptStage.MAIL, 451),
                }[fate]
                taken = stage is AttemptStage.REPLIED
                verdict = None if taken else verdict_of(stage, code)
                ending = attempts.Ending(claims.taken[0], stage, code, "", verdict, at or self.now)
                delivery.record_results(session, [ending], rules)

    def release_what_was_held(self, who: str, second: str) -> None:
        def work(session: Session) -> None:
            for batch in batches.list_open(session):
                if batch.state is BatchState.HELD:
                    person = self.shop.policies.team.get(who)
                    batches.release(session, batch, person, "looked at all of them", self.now)

        self.attempt(work)
        who = second
        self.attempt(work)
