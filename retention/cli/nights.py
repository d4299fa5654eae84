"""`retention nights`: which nights there were, and what each did."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from retention.cli.acting import looking
from retention.cli.night_printing import emit_night
from retention.terminal import AsJson, emit, make_console, parse_day, print_table

if TYPE_CHECKING:
    from retention.runs.history import Night

app = typer.Typer(help="The nights that were: list them, show one again.")
NIGHTLY = "nightly"
Limit = Annotated[int, typer.Option(min=1, max=5000, help="How many, newest first.")]


@app.callback(invoke_without_command=True)
def list_(context: typer.Context, limit: Limit = 14, *, as_json: AsJson = False) -> None:
    """List the nights: date, state, what was read, moved, held and why, and what was sent since."""
    if context.invoked_subcommand is not None:
        return
    from retention.db.session import reading
    from retention.runs.history import list_nights

    reader = looking()
    with reading(reader.engine) as session:
        nights = list_nights(session, NIGHTLY, limit)
    if as_json:
        emit({"nights": [asdict(night) for night in nights]})
        return
    zone = reader.settings.timezone
    columns = ("on", "state", "began", "read", "moved", "held", "sent")
    print_table("Nights", columns, [_row(night, zone) for night in nights], right=(3, 4, 6))
    console = make_console()
    for night in nights:
        if night.why:
            console.print(f"{night.as_of}: {night.why}", soft_wrap=True, markup=False)
    rounds = sum(night.rounds for night in nights)
    console.print(f"Sent is what left until the next night; {rounds} rounds of delivery in all.")


def _row(night: "Night", zone: str) -> tuple[Any, ...]:
    from zoneinfo import ZoneInfo

    began = night.started_at.astimezone(ZoneInfo(zone))
    held = ", ".join(f"{effect} {count}" for effect, count in night.held.items())
    sent = f"{night.sent} in {night.rounds} rounds" if night.rounds else None
    return (night.as_of, night.state, f"{began:%H:%M}", night.read, night.moved, held or None, sent)


@app.command("show")
def show(
    day: Annotated[str, typer.Argument(metavar="YYYY-MM-DD", help="The business date.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Show what a night did, as it was shown when it ran."""
    from retention.db.session import reading
    from retention.runs.history import summary_of

    with reading(looking().engine) as session:
        summary = summary_of(session, NIGHTLY, parse_day(day))
    emit_night(summary, as_json=as_json)
