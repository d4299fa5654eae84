"""A console over a small world: people sign in, and see messages of every stage."""

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import pyarrow as pa
from sqlalchemy import select
from starlette.applications import Starlette
from starlette.testclient import TestClient

from retention.bootstrap import Application
from retention.clock import travel, utc_now
from retention.db.models.work.actions import Action
from retention.db.session import reading, writing
from retention.domain.actions import ActionState
from retention.domain.limits import BatchState
from retention.ladder import held_batches
from retention.people import sign_in_links
from retention.people.sign_in_links import LinkPurpose
from retention.snapshots import store as snapshots
from retention.web.app import create_app
from tests.factories.shared import once
from tests.factories.worlds import Somebody, World

_EVIDENCE = pa.schema(
    [("customer_id", pa.string()), ("kind", pa.string()), ("source", pa.string()),
     ("row_id", pa.string()), ("happened_on", pa.date32()), ("quantity", pa.float64())]
)  # fmt: skip


_TURNS = (0, 2, 9, 15, 21)
"""In which night each group of customers begins to cost money: each stands elsewhere at the end."""
_LAST, _WORKED, _EACH = 25, 22, 4


PAGES = "https://answers.example.com"


class ConsoleWorld(World):
    """Twenty customers, four each at a notice, a talk, a prepaid offer, a proposal, a review."""

    def live(self) -> None:
        """Begin where all of that waits for people; it is played once for all tests of a run."""
        self.begin()
        self.take_from(once("console-world", lambda folder: ConsoleWorld().play(folder)))

    def take_from(self, kept: Path) -> None:
        """Begin with what another world has left."""
        shutil.copytree(kept / "home", self.home, dirs_exist_ok=True, copy_function=_take_over)
        self.today = date.fromisoformat((kept / "today").read_text("utf-8"))
        self.links = json.loads((kept / "links.json").read_text("utf-8"))
        self.people = _people()

    def _application(self, url: str) -> Application:
        """As any world's, with pages for customers."""
        shop = super()._application(url)
        settings = shop.settings.model_copy(update={"public_url": PAGES})
        return replace(shop, settings=settings, sender=replace(shop.sender, public_url=PAGES))

    def play(self, folder: Path) -> None:
        """Play the months before, and keep what they leave."""
        self.begin()
        self.people = _people()
        for number in range(_LAST + 1):
            for at, person in enumerate(self.people):
                turned = number >= _TURNS[at // _EACH]
                person.profit = -300 - 50 * at if turned else 500
            self.night(2)
            if number < _LAST:
                self._let_through()
            if number <= _WORKED:
                self.everybody_does_their_work()
                self.post("sent")
        self.write_what_pages_read()
        self.leave_in(folder)

    def leave_in(self, folder: Path) -> None:
        """Leave in a folder what another world can begin with; this one ends."""
        self.shop.engine.dispose()
        shutil.copytree(self.home, folder / "home")
        (folder / "today").write_text(self.today.isoformat(), "utf-8")
        (folder / "links.json").write_text(json.dumps(self.links), "utf-8")
        self.teardown()

    def _let_through(self) -> None:
        with writing(self.shop.engine) as session:
            for batch in held_batches.list_open(session):
                for who in ("diana", "dora"):
                    if batch.state is BatchState.HELD:
                        person = self.shop.policies.team.get(who)
                        held_batches.release(session, batch, person, "looked at them", self.now)

    def write_what_pages_read(self) -> None:
        ids = [person.customer_id for person in self.people]
        contracts = pa.table({"customer_id": ids, "contract_id": [f"K-{i}" for i in ids]})
        root = self.shop.folders.snapshots
        snapshots.write_shard(root, self.today, snapshots.CONTRACTS, 0, contracts)
        snapshots.write_shard(root, self.today, snapshots.EVIDENCE, 0, _EVIDENCE.empty_table())
        nobody = pa.table({"customer_id": pa.array([], pa.string())})
        snapshots.write_shard(root, self.today, snapshots.FEATURES, 0, nobody)
        costs = self.shop.policies.costs.model_dump(mode="json")
        snapshots.note(root, self.today, costs=costs, models={})

    def waiting(self, template: str) -> str:
        """Return the id of a message of a template that waits for people, the first by due day."""
        with reading(self.shop.engine) as session:
            query = (
                select(Action.id)
                .where(Action.state == ActionState.PENDING_APPROVAL)
                .where((Action.template == template) | (Action.form == template))
                .order_by(Action.due_on, Action.id)
            )
            return str(session.scalars(query).first())


def _take_over(source: str, target: str) -> None:
    """Snapshots are replaced, never written into: a second name for one is a copy."""
    if source.endswith(".parquet"):
        os.link(source, target)
    else:
        shutil.copy2(source, target)


def _people() -> list[Somebody]:
    return [
        Somebody(f"C{at:02}", overdue=0 if at % 3 else 200) for at in range(_EACH * len(_TURNS))
    ]


@contextmanager
def console_of(world: World, at: datetime | None = None) -> Iterator[Starlette]:
    """Yield the console's application over a world, at the world's own time."""
    with travel(at or world.now):
        app = create_app(world.shop.settings)
        try:
            yield app
        finally:
            app.state.workshop.application.engine.dispose()


def link_for(app: Starlette, person: str, purpose: LinkPurpose = LinkPurpose.ONCE) -> str:
    """Make a link for somebody, as ops do."""
    engine = app.state.workshop.application.engine
    with writing(engine) as session:
        return f"/sign-in/{sign_in_links.make(session, person, purpose, utc_now(), 'olga')}"


def signed_in(app: Starlette, person: str) -> TestClient:
    """Return a browser without scripts in which somebody is signed in."""
    client = TestClient(app, follow_redirects=False)
    link = link_for(app, person)
    csrf = csrf_of(client.get(link).text)
    answer = client.post(link, data={"csrf": csrf})
    assert answer.status_code == 303, answer.text
    return client


def csrf_of(html: str) -> str:
    """Return the token of a page's forms."""
    found = re.search(r'name="csrf" value="([^"]+)"', html)
    assert found, html[:500]
    return found[1]


def token_of(client: TestClient) -> str:
    """Return the token of somebody's session."""
    return csrf_of(client.get("/me").text)
