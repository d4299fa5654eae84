"""`retention replay`: prove that a past night's scores follow from its snapshot."""

from typing import Annotated

import typer

from retention.cli.output import AsJson, emit, make_console, parse_day

Night = Annotated[str, typer.Option("--as-of", metavar="YYYY-MM-DD", help="The night to replay.")]


def replay(as_of: Night, *, as_json: AsJson = False) -> None:
    """Score a past night again from its frozen features; every bit must be the same."""
    from retention.services.replay import replay as replay_night
    from retention.workshop import get_workshop

    found = replay_night(get_workshop().places, parse_day(as_of))
    if as_json:
        emit({"replay": {"as_of": as_of, "customers": found.customers,
                         "different": list(found.different)}})  # fmt: skip
    elif not found.different:
        make_console().print(f"{found.customers:,} customers of {as_of}: every score is the same.")
    else:
        make_console().print(f"Different: {', '.join(found.different)}.", soft_wrap=True)
    if found.different:
        raise typer.Exit(1)
