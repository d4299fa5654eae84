"""The person at the command line, and what commands of a person need."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from retention.terminal import emit, make_console

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from retention.bootstrap import Application
    from retention.people.actor import Actor
    from retention.reader import Reader

Who = Annotated[str, typer.Option("--as", metavar="PERSON", help="Your id in config/team.yaml.")]
Reason = Annotated[str, typer.Option(help="Why; it is kept.")]
Id = Annotated[str, typer.Argument(help="Its id, or the first characters of it.")]
Note = Annotated[str, typer.Option(help="In your own words.")]


def ready() -> "Application":
    """Return the workshop. Raises NotFoundError before the first night."""
    from retention.bootstrap import get_application
    from retention.db import schema
    from retention.domain.errors import NotFoundError

    shop = get_application()
    if not schema.prepare(shop.engine):
        raise NotFoundError("the database", "no night has run yet", "Run 'retention run' first.")
    return shop


def looking() -> "Reader":
    """Return a reader, for commands that only look. Raises NotFoundError before the first night."""
    from retention.db import schema
    from retention.domain.errors import NotFoundError
    from retention.reader import get_reader

    reader = get_reader()
    if not schema.prepare(reader.engine):
        raise NotFoundError("the database", "no night has run yet", "Run 'retention run' first.")
    return reader


def validity(shop: "Application") -> timedelta:
    """Return for how long an approval counts."""
    return timedelta(hours=shop.policies.approvals.valid_hours)


def actor_of(shop: "Application", who: str) -> "Actor":
    """Return the actor of a person, now. Raises NotFoundError for somebody unknown."""
    from retention.clock import utc_now
    from retention.domain.dates import date_in
    from retention.people.actor import Actor

    now, zone = utc_now(), shop.settings.timezone
    return Actor(shop.policies, shop.policies.team.get(who), now, date_in(now, zone), zone)


@contextmanager
def acting(who: str) -> Iterator[tuple["Application", "Actor", "Session"]]:
    """Work as a person, in one transaction; it is kept when the block ends without an error.

    Raises NotFoundError for somebody unknown, and before the first night.
    """
    from retention.db.session import writing

    shop = ready()
    actor = actor_of(shop, who)
    with writing(shop.engine) as session:
        yield shop, actor, session


def choice(enum: Any, value: str | None) -> Any:
    """Return the member of an enum that an option names, or None. Raises typer.BadParameter."""
    if value is None:
        return None
    try:
        return enum(value)
    except ValueError:
        raise typer.BadParameter(f"'{value}' is none of: {', '.join(enum)}") from None


def owner_of(shop: "Application", customer_id: str) -> str:
    """Return the account manager of a customer, by the newest snapshot."""
    from retention.snapshots.people import people_of

    row = people_of(shop.folders.snapshots, {customer_id}).get(customer_id, {})
    return shop.policies.team.account_manager_of(row.get("account_manager")).person_id


def answers_of(pairs: list[str] | None) -> dict[str, str]:
    """Read `name=text` options. Raises typer.BadParameter."""
    answers = {}
    for pair in pairs or []:
        name, sign, text = pair.partition("=")
        if not sign:
            raise typer.BadParameter(f"'{pair}' is no answer; write for example evidence='T-1023'")
        answers[name.strip()] = text
    return answers


def say(done: dict[str, Any], text: str, *, as_json: bool) -> None:
    """Print what was done, as JSON or in words."""
    if as_json:
        emit(done)
    else:
        make_console().print(text, soft_wrap=True)
