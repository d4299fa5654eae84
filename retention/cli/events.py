"""`retention events` and `retention webhook`: what systems tell us, and what they are told."""

from typing import TYPE_CHECKING, Annotated

import typer

from retention.cli.acting import Who, acting, ready, say
from retention.terminal import AsJson, emit, make_console, print_table

if TYPE_CHECKING:
    from datetime import datetime

events_app = typer.Typer(help="What other systems tell us: their keys, and what came in.",
                         no_args_is_help=True)  # fmt: skip
webhooks_app = typer.Typer(help="What other systems are told.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(metavar="SYSTEM", help="What the system is called.")]


@events_app.command("key")
def make_key(
    name: Name,
    *,
    only: Annotated[str, typer.Option("--only", help="Kinds that it may tell, by comma.")] = "",
    as_json: AsJson = False,
) -> None:
    """Make a key for a system. It is shown once."""
    from retention.clock import utc_now
    from retention.db.session import writing
    from retention.events import api_keys

    shop = ready()
    with writing(shop.engine) as session:
        key = api_keys.make(
            session, name[:60], utc_now(), [k.strip() for k in only.split(",") if k.strip()]
        )
    if as_json:
        emit({"system": name, "key": key})
        return
    make_console().print(key, soft_wrap=True, markup=False)
    make_console(stderr=True).print("It is shown this once. Send it as 'Authorization: Bearer'.")


@events_app.command("revoke")
def revoke_key(name: Name, *, as_json: AsJson = False) -> None:
    """End every key of a system."""
    from retention.clock import utc_now
    from retention.db.session import writing
    from retention.events import api_keys

    shop = ready()
    with writing(shop.engine) as session:
        ended = api_keys.revoke(session, name, utc_now())
    say({"ended": ended}, f"{ended} keys of '{name}' are ended.", as_json=as_json)


@events_app.command("keys")
def list_keys(*, as_json: AsJson = False) -> None:
    """List the keys: whose they are, since when, and which are ended."""
    from retention.db.session import reading
    from retention.events import api_keys

    shop = ready()
    with reading(shop.engine) as session:
        rows = [(r.name, _day(r.made_at), _day(r.revoked_at)) for r in api_keys.list_of(session)]
    if as_json:
        emit({"keys": [{"system": n, "made_on": m, "ended_on": e or None} for n, m, e in rows]})
        return
    print_table("Keys", ("system", "made on", "ended on"), rows)


def _day(at: "datetime | None") -> str:
    return f"{at:%Y-%m-%d}" if at else ""


@webhooks_app.command("list")
def list_webhooks(*, as_json: AsJson = False) -> None:
    """List the newest events that others are told, and who has got them."""
    from retention.db.session import reading
    from retention.webhooks import deliveries

    shop = ready()
    with reading(shop.engine) as session:
        rows = [
            (e.id, e.kind, f"{e.made_at:%Y-%m-%d %H:%M}", d.receiver if d else "",
             "withdrawn" if e.withdrawn_at else d.state if d else "not yet",
             d.attempts if d else 0, (d.last_code or "") if d else "")
            for e, d in deliveries.latest(session)
        ]  # fmt: skip
    columns = ("event", "kind", "made at", "receiver", "state", "attempts", "last answer")
    if as_json:
        names = [c.replace(" ", "_") for c in columns]
        emit({"webhooks": [dict(zip(names, row, strict=True)) for row in rows]})
        return
    print_table("Webhooks", columns, [tuple(map(str, row)) for row in rows])


@webhooks_app.command("replay")
def replay(
    event: Annotated[str, typer.Argument(help="Its id, as 'retention webhook list' shows it.")],
    receiver: Annotated[str, typer.Argument(help="Who is told once more.")],
    who: Who,
    *,
    as_json: AsJson = False,
) -> None:
    """Tell a receiver of an event once more, with the same id."""
    from retention.webhooks import deliveries

    with acting(who) as (_, actor, session):
        deliveries.replay(session, event, receiver, actor.person, actor.now)
    say({"event": event, "receiver": receiver}, "It leaves with the next round.", as_json=as_json)
