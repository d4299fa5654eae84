"""`retention plan` and `apply`: the night on paper, and exactly that night."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from retention.cli.night_printing import emit_night, show_night
from retention.cli.run import TakeOver
from retention.terminal import AsJson, AsOf, emit, make_console, parse_day, print_table

_SHOWN_MOVES = 20


def apply(
    plan_file: Annotated[Path, typer.Argument(help="A plan that 'retention plan --out' wrote.")],
    *,
    take_over: TakeOver = False,
    as_json: AsJson = False,
) -> None:
    """Run the night of a plan, only if it still does exactly what the plan says (else exit 5)."""
    from retention.domain.documents import PLAN, SCHEMA
    from retention.domain.errors import ConfigError

    try:
        document = json.loads(plan_file.read_text("utf-8"))
        if document.get(SCHEMA) != PLAN:
            raise ConfigError(
                str(plan_file), "was written by another version", "Make it anew with this one."
            )
        planned = document["plan"]
        day, digest, done = planned["as_of"], planned.get("digest"), planned["done"]
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            str(plan_file), "is no plan", "Write one with 'retention plan --out FILE'."
        ) from error
    if done:
        make_console().print(f"The night of {day} was done before; there is nothing to apply.")
        return
    with make_console(stderr=True).status("Running the planned night ..."):
        from retention.environment import keep_prefect_quiet

        keep_prefect_quiet()
        from flows.nightly import nightly
        from flows.parameters import NightlyParameters

        parameters = NightlyParameters(
            as_of=parse_day(day), take_over=take_over, late="allow", plan=digest
        )
        summary = nightly(parameters)
    emit_night(summary, as_json=as_json)


def plan(
    as_of: AsOf = None,
    out: Annotated[
        Path | None, typer.Option(help="Also write it to this file, for 'retention apply'.")
    ] = None,
    *,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit 2 when there is something to do.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show what the night would do. Reads only; nothing is stored."""
    day = parse_day(as_of)
    with make_console(stderr=True).status("Reading the sources and deciding on paper ..."):
        from retention.bootstrap import get_application
        from retention.clock import business_date, utc_now
        from retention.domain.dates import date_in
        from retention.nights.plan import make_plan
        from retention.runs import ledger as runs

        shop = get_application()
        if day is not None:
            runs.refuse_future(day, date_in(utc_now(), shop.settings.timezone))
        planned = make_plan(
            shop.engine,
            shop.policies,
            shop.folders,
            shop.sender,
            day or business_date(shop.settings.timezone),
        )
    if out is not None:
        from retention.domain.documents import PLAN, stamped

        out.write_text(
            json.dumps(stamped({"plan": planned}, PLAN), indent=1, ensure_ascii=False), "utf-8"
        )
    if as_json:
        emit({"plan": planned})
    else:
        _show_plan(planned)
    if detailed_exitcode and not planned["done"]:
        raise typer.Exit(2)


def _show_plan(planned: dict[str, Any]) -> None:
    if planned["done"]:
        make_console().print(f"The night of {planned['as_of']} is done; it would change nothing.")
        return
    show_night(planned["summary"])
    for gap in planned["gaps"]:
        make_console().print(f"[bold]Gap:[/] {gap}.", soft_wrap=True)
    for example in planned["examples"]:
        make_console().print(example, markup=False, soft_wrap=True)
    rows = [
        (move["customer_id"], move["stage"], move["decision"], move["what"], move["reason"])
        for move in planned["moves"][:_SHOWN_MOVES]
    ]
    if rows:
        title = f"The first {len(rows)} of {len(planned['moves'])} moves"
        print_table(title, ("customer", "stage", "decision", "what", "reason"), rows)
    for title, key, columns in (
        ("Messages", "messages", ("template", "language", "count")),
        ("Who waits for whom", "waits_for", ("owner", "waits_for", "count")),
    ):
        listed = [tuple(row[name] for name in columns) for row in planned[key]]
        if listed:
            print_table(title, columns, listed, right=(2,))
    _show_delivery(planned["delivery"])
    for said in planned["guards"]:
        make_console().print(f"[bold]Guard:[/] {said}.", soft_wrap=True)
    make_console().print("This is a plan: nothing was stored.")


def _show_delivery(found: dict[str, Any]) -> None:
    """How what is ready would leave: the provider takes so many in a day."""
    if not found["ready"]:
        return
    days = ", ".join(f"{count:,} on {day}" for day, count in found["days"].items())
    make_console().print(
        f"Ready to leave: {found['ready']:,} messages; the day's quota is {found['quota']:,}, "
        f"{found['used']:,} of it used. At the soonest: {days}.",
        soft_wrap=True,
    )
