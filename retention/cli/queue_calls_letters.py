"""`retention queue letter`, `script`, `agree` and `log-call`: what people print, say and note."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from retention.cli.acting import Who, acting, owner_of, ready, say
from retention.cli.queue import ActionId, app
from retention.terminal import AsJson, emit, make_console

if TYPE_CHECKING:
    from retention.bootstrap import Application
    from retention.db.models.work.actions import Rendering


@app.command("letter")
def letter(
    action_id: ActionId,
    out: Annotated[Path | None, typer.Option(help="Where to write the PDF.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Write a letter as PDF, with the address block, to print it or hand it to a provider."""
    from retention.clock import utc_now
    from retention.db.queries import actions as queries
    from retention.db.session import reading
    from retention.domain.actions import ActionKind
    from retention.domain.errors import NotFoundError
    from retention.messages.letterheads import address_block
    from retention.nights.printed_letters import look_before_printing

    shop = ready()
    with reading(shop.engine) as session:
        action = queries.get(session, action_id)
        if action.kind is not ActionKind.LETTER or action.rendering is None:
            raise NotFoundError(
                f"action {action.id[:8]}", f"is a {action.kind}, no letter", "Choose a letter."
            )
        look_before_printing(session, action, shop.policies, shop.folders, utc_now())
        lines = address_block(_row(shop, action.customer_id))
        path = out or Path(f"letter-{action.id[:8]}.pdf")
        path.write_bytes(_printed(shop, action.rendering))
        state = action.state
    if as_json:
        emit({"file": str(path), "address": list(lines), "state": state})
        return
    console = make_console()
    console.print(f"{path}, {state}. To:", soft_wrap=True)
    for line in lines:
        console.print(f"  {line}", markup=False)
    if len(lines) < 2:  # noqa: PLR2004 - the name alone is no address
        console.print("The postal address is not known: map the column 'address' of customers.")
    console.print("When it is signed for: retention queue complete ID --outcome delivered ...")


def _printed(shop: "Application", rendering: "Rendering") -> bytes:
    """A letter is dated by the day on which it is printed."""
    from retention.clock import utc_now
    from retention.messages.leaving import pdf_of

    if rendering.letter is None:  # written by an earlier version
        return rendering.raw
    return pdf_of(
        rendering.letter,
        utc_now(),
        shop.settings.timezone,
        shop.sender.templates,
        shop.sender.brand.logo,
    )


@app.command("script")
def script(action_id: ActionId, *, as_json: AsJson = False) -> None:
    """Print the script of a call: what to know, what to say, what to log."""
    from retention.actions.call_script import script_of
    from retention.db.queries import actions as queries
    from retention.db.session import reading
    from retention.domain.errors import NotFoundError

    shop = ready()
    with reading(shop.engine) as session:
        action = queries.get(session, action_id)
        manager = shop.policies.team.get(action.owner)
        text = script_of(action, _row(shop, action.customer_id), manager, shop.sender)
    if text is None:
        raise NotFoundError(
            f"action {action.id[:8]}", f"is a {action.kind}, no call", "Choose a call."
        )
    if as_json:
        emit({"script": text})
    else:
        typer.echo(text)


@app.command("agree")
def agree(
    action_id: ActionId,
    who: Who,
    at: Annotated[str, typer.Option(help="When, as the customer says it: 2026-12-03 10:30.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Write down when a call will be; the customer gets an invitation for their calendar."""
    from retention.actions import told_to_team
    from retention.messages.locale import zone_of

    with acting(who) as (shop, actor, session):
        from retention.db.queries import actions as queries

        customer = queries.get(session, action_id).customer_id
        zone = zone_of(_row(shop, customer)) or shop.settings.timezone
        moment = moment_of(at, zone)
        made = told_to_team.agree_on_call(
            session, action_id, actor, moment, shop.sender, shop.folders
        )
    if as_json:
        emit({"at": moment.isoformat(), "invited": made is not None})
    else:
        there = moment.astimezone(ZoneInfo(zone))
        how = "" if made else " There is no way to write to them: nobody is invited."
        make_console().print(f"Agreed for {there:%Y-%m-%d %H:%M} ({zone}).{how}")


@app.command("log-call")
def log_call(
    customer_id: Annotated[str, typer.Argument(help="The customer you have talked with.")],
    who: Who,
    said: Annotated[str, typer.Option(help="What the customer said.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Write down a conversation of today that no step has asked for."""
    from retention.actions import calls_beside_steps

    with acting(who) as (shop, actor, session):
        call = calls_beside_steps.log_call(
            session, customer_id, actor, owner=owner_of(shop, customer_id), reaction=said
        )
        made = call.id
    say({"call": made}, f"{made[:8]} is on record.", as_json=as_json)


def _row(shop: "Application", customer_id: str) -> dict[str, Any]:
    from retention.domain.errors import NotFoundError
    from retention.snapshots.customers import read_rows

    rows = read_rows(shop.folders.snapshots, shop.folders.newest(), [customer_id])
    if customer_id not in rows:
        raise NotFoundError(
            f"customer '{customer_id}'", "is not in the newest night", "Wait for the data."
        )
    return rows[customer_id]


def moment_of(text: str, zone: str) -> datetime:
    """Read a moment in the customer's zone, or with an offset of its own.

    Raises typer.BadParameter, also for a day without a time.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or ":" not in text:
        raise typer.BadParameter(f"'{text}' is no time; write 2026-12-03 10:30") from None
    return found if found.tzinfo else found.replace(tzinfo=ZoneInfo(zone))
