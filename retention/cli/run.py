"""`retention run`, `plan` and `deliver`."""

from typing import Annotated, Literal

import typer

from retention.cli.night_printing import emit_night
from retention.terminal import AsJson, AsOf, make_console, parse_day

TakeOver = Annotated[
    bool, typer.Option("--take-over", help="Take over a run whose process is known to be dead.")
]


def run(
    as_of: AsOf = None,
    *,
    take_over: TakeOver = False,
    allow_late: Annotated[
        bool, typer.Option("--allow-late", help="Run a night that is too late all the same.")
    ] = False,
    backfill: Annotated[
        bool, typer.Option("--backfill", help="Only score a night that is too late.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run one night: pull, score, decide, queue. Sends nothing; repeating it changes nothing."""
    day = parse_day(as_of)
    late: Literal["refuse", "allow", "backfill"] = "refuse"
    if allow_late or backfill:
        late = "backfill" if backfill else "allow"
    with make_console(stderr=True).status("Running the night ..."):
        from retention.environment import keep_prefect_quiet

        keep_prefect_quiet()
        from flows.nightly import nightly
        from flows.parameters import NightlyParameters

        summary = nightly(NightlyParameters(as_of=day, take_over=take_over, late=late))
    emit_night(summary, as_json=as_json)
