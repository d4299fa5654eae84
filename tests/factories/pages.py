"""Customers at their pages: links of messages that left, and browsers without scripts."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from html import unescape
from pathlib import Path
from typing import Any

from sqlalchemy import select
from starlette.testclient import TestClient

from retention.clock import travel
from retention.db.models.every import Base
from retention.db.models.work.actions import Action
from retention.db.models.work.messages import Message
from retention.db.session import reading, writing
from retention.domain.actions import ActionState
from retention.messages import customer_links
from retention.web.app import create_app
from tests.factories.consoles import ConsoleWorld
from tests.factories.serving import served
from tests.factories.shared import once

_HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')
Answer = Any


class PagesWorld(ConsoleWorld):
    """Whatever waited is approved and has left: an offer of each kind, notices, bills, guides.

    Its clock stands still between requests, but for `wait`.
    """

    def live(self) -> None:
        """Begin an hour after all of that has left; it is played once for all tests of a run."""
        self.begin()
        self.take_from(once("pages-world", lambda folder: PagesWorld().send_all(folder)))
        self.at: datetime = self.now + timedelta(hours=1)

    def send_all(self, folder: Path) -> None:
        """Approve and send what waits in a console's world, and leave that in a folder."""
        super().live()
        with reading(self.shop.engine) as session:
            waiting = select(Action.id).where(
                Action.state == ActionState.PENDING_APPROVAL, Action.template.is_not(None)
            )
            ids = session.scalars(waiting).all()
        for action_id in ids:
            for who in ("marta", "fran", "diana"):
                self.attempt(partial(self.look_and_approve, action_id=action_id, who=who))
        self.post("sent")
        self.leave_in(folder)

    def sent(self, template: str, number: int = 0) -> str:
        """Return the id of a message of a template that left last."""
        with reading(self.shop.engine) as session:
            query = (
                select(Action.id)
                .join(Message, Message.action_id == Action.id)
                .where(Action.template == template, Message.sent_at.is_not(None))
                .order_by(Message.sent_at.desc(), Action.id)
            )
            return str(session.scalars(query).all()[number])

    def path(self, template: str, purpose: str, number: int = 0) -> str:
        """Return the path of a page of a message."""
        action_id = self.sent(template, number)
        links = self.links[action_id]
        if purpose not in links:  # as if its template led to this page
            with writing(self.shop.engine) as session:
                action = session.get_one(Action, action_id)
                leaving = [(action_id, action.customer_id, [purpose])]
                links |= dict(customer_links.mint(session, leaving, self.now)[action_id])
        return f"/c/{purpose}/{links[purpose]}"

    @contextmanager
    def pages(self) -> Iterator["Customer"]:
        """Yield a browser of a customer's, at this world's own time."""
        app = create_app(self.shop.settings)
        try:
            yield Customer(self, TestClient(app, follow_redirects=False))
        finally:
            app.state.workshop.application.engine.dispose()


@contextmanager
def living() -> Iterator[PagesWorld]:
    """Yield such a world; it is taken down when the block ends."""
    made = PagesWorld()
    made.live()
    try:
        yield made
    finally:
        made.teardown()


@contextmanager
def served_pages(world: PagesWorld) -> Iterator[str]:
    """Yield where a real browser finds a world's pages, at that world's own time."""
    with travel(world.at):
        app = create_app(world.shop.settings)
        try:
            with served(app) as base:
                yield base
        finally:
            app.state.workshop.application.engine.dispose()


class Customer:
    """Somebody without an account, scripts or cookies, who reads before they press."""

    def __init__(self, world: PagesWorld, client: TestClient) -> None:
        self.world, self.client = world, client

    def get(self, path: str, **more: Any) -> Answer:
        """Open a page."""
        with travel(self.world.at):
            return self.client.get(path, **more)

    def post(self, path: str, data: dict[str, str], **more: Any) -> Answer:
        """Send a form exactly as given."""
        with travel(self.world.at):
            return self.client.post(path, data=data, **more)

    def fill(self, page: Answer, path: str, *, wait: float = 20, **typed: Any) -> Answer:
        """Fill in the form of a page after some seconds, and follow where it leads."""
        self.world.at += timedelta(seconds=wait)
        answer = self.post(path, form_of(page.text) | typed)
        return self.get(answer.headers["location"]) if answer.status_code == 303 else answer

    def choose(self, path: str, said: str) -> Answer:
        """Choose an answer, and return the page that confirms it."""
        return self.get(f"{path}?chosen=yes&said={said}")

    def say(self, path: str, said: str, **typed: Any) -> Answer:
        """Choose, confirm, and return the page that follows."""
        asked = self.choose(path, said)
        return self.fill(asked, f"{path}/confirm", said=said, **{"sure": "yes"} | typed)


def rows(world: PagesWorld, model: type[Base], **where: object) -> list[Any]:
    """Return the rows of a kind that are so, in the order of their keys."""
    with reading(world.shop.engine) as session:
        order = model.__table__.primary_key
        return list(session.scalars(select(model).filter_by(**where).order_by(*order)))


def form_of(html: str) -> dict[str, str]:
    """Return what a page's form carries by itself."""
    return {name: unescape(value) for name, value in _HIDDEN.findall(html)}
