"""Customers at their pages: links of messages that left, and browsers without scripts."""

import re
from datetime import timedelta
from html import unescape

from sqlalchemy import select
from starlette.applications import Starlette
from starlette.testclient import TestClient

from retention.db.models import Action, Message
from retention.db.session import reading
from tests.factories.worlds import World

_HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')


def sent(world: World, template: str, number: int = 0) -> str:
    """Return the id of a message of a template that left last."""
    with reading(world.shop.engine) as session:
        query = (
            select(Action.id)
            .join(Message, Message.action_id == Action.id)
            .where(Action.template == template, Message.sent_at.is_not(None))
            .order_by(Message.sent_at.desc(), Action.id)
        )
        return str(session.scalars(query).all()[number])


def address(world: World, action_id: str, purpose: str) -> str:
    """Return the path of a page of a message."""
    return f"/c/{purpose}/{world.links[action_id][purpose]}"


def customer(app: Starlette) -> TestClient:
    """Return a browser without scripts that belongs to nobody."""
    return TestClient(app, follow_redirects=False)


def form_of(html: str) -> dict[str, str]:
    """Return what a page's form carries by itself."""
    return {name: unescape(value) for name, value in _HIDDEN.findall(html)}


LATER = timedelta(minutes=10)
