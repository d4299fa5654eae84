"""`retention run`, `plan` and `deliver`."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from retention.terminal import AsJson, AsOf, emit, make_console, parse_day, print_table

TakeOver = Annotated[
    bool, typer.Option("--take-over", help="Take over a run whose process is known to be dead.")
]
Limit = Annotated[int, typer.Option(min=1, max=10_000, help="How many messages at most.")]
_SHOWN_MOVES = 20


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
        from retention.settings import keep_prefect_quiet

        keep_prefect_quiet()
        from flows.nightly import nightly
        from flows.parameters import NightlyParameters

        summary = nightly(NightlyParameters(as_of=day, take_over=take_over, late=late))
    _emit_night(summary, as_json=as_json)


def _emit_night(summary: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        emit({"night": summary})
    else:
        show_night(summary)


def apply(
    plan_file: Annotated[Path, typer.Argument(help="A plan that 'retention plan --out' wrote.")],
    *,
    take_over: TakeOver = False,
    as_json: AsJson = False,
) -> None:
    """Run the night of a plan, only if it still does exactly what the plan says (else exit 5)."""
    from retention.domain.errors import ConfigError

    try:
        planned = json.loads(plan_file.read_text("utf-8"))["plan"]
        day, digest, done = planned["as_of"], planned.get("digest"), planned["done"]
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            str(plan_file), "is no plan", "Write one with 'retention plan --out FILE'."
        ) from error
    if done:
        make_console().print(f"The night of {day} was done before; there is nothing to apply.")
        return
    with make_console(stderr=True).status("Running the planned night ..."):
        from retention.settings import keep_prefect_quiet

        keep_prefect_quiet()
        from flows.nightly import nightly
        from flows.parameters import NightlyParameters

        parameters = NightlyParameters(
            as_of=parse_day(day), take_over=take_over, late="allow", plan=digest
        )
        summary = nightly(parameters)
    _emit_night(summary, as_json=as_json)


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
        from retention.bootstrap import get_workshop
        from retention.clock import business_date, utc_now
        from retention.domain.dates import date_in
        from retention.nights.plan import make_plan
        from retention.runs import ledger as runs

        shop = get_workshop()
        if day is not None:
            runs.refuse_future(day, date_in(utc_now(), shop.settings.timezone))
        planned = make_plan(
            shop.engine,
            shop.policies,
            shop.places,
            shop.sender,
            day or business_date(shop.settings.timezone),
        )
    if out is not None:
        out.write_text(json.dumps({"plan": planned}, indent=1, ensure_ascii=False), "utf-8")
    if as_json:
        emit({"plan": planned})
    else:
        _show_plan(planned)
    if detailed_exitcode and not planned["done"]:
        raise typer.Exit(2)


def deliver(limit: Limit = 500, *, as_json: AsJson = False) -> None:
    """Send what people have approved and is due."""
    with make_console(stderr=True).status("Delivering ..."):
        from retention.settings import keep_prefect_quiet

        keep_prefect_quiet()
        from flows.deliver import deliver as deliver_flow
        from flows.parameters import DeliverParameters

        summary = deliver_flow(DeliverParameters(limit=limit))
    if as_json:
        emit({"delivery": {"total": summary.total, "states": summary.states,
                           "waiting": summary.waiting}})  # fmt: skip
    elif summary.total:
        print_table("Delivery", ("state", "messages"), summary.states.items(), right=(1,))
    elif not summary.waiting:
        make_console().print("Nothing is approved and due; see 'retention queue list'.")
    if summary.waiting and not as_json:
        print_table("Waiting", ("for", "messages"), summary.waiting.items(), right=(1,))
    if "stopped" in summary.states:
        _say_what_stopped()
    if set(summary.states) - {"sent"}:
        raise typer.Exit(3)


def _say_what_stopped() -> None:
    from retention.bootstrap import get_workshop
    from retention.db.session import reading
    from retention.safeguards import kill_switch as switches

    shop = get_workshop()
    console = make_console(stderr=True)
    if shop.settings.stop_file.exists():
        console.print(f"Sending is stopped. Remove {shop.settings.stop_file}.", soft_wrap=True)
    with reading(shop.engine) as session:
        for scope, reason in sorted(switches.stopped(session).items()):
            console.print(
                f"'{scope}' is stopped: {reason}. 'retention ops start {scope}' starts it.",
                soft_wrap=True,
            )


def show_night(summary: dict[str, Any]) -> None:
    """Print a night for people."""
    from retention.domain.scores import TOTALS

    pull, scores, decided = summary["pull"], summary["scores"], summary["decisions"]
    console = make_console()
    console.print(
        f"[bold]Night of {pull['as_of']}[/]: {pull['customers']:,} customers, "
        f"{pull['with_email']:,} with an e-mail address."
    )
    if scores["revenue_to_date_cents"] is not None:
        console.print(f"Revenue to date: {scores['revenue_to_date_cents'] / 100:,.2f}.")
    if pull["not_mapped"]:
        console.print(f"No source for: {', '.join(pull['not_mapped'])}.")
    for name, found in pull["tripped"].items():
        console.print(f"[bold]{name} is left out tonight[/]: {found}.", soft_wrap=True)
    if pull["held_playbooks"]:
        console.print(f"Waiting for it: {', '.join(pull['held_playbooks'])}.")
    if not pull["with_email"]:
        console.print("[bold]Nobody has an e-mail address: nothing can be sent.[/]")
    unknown = [name for name in (*TOTALS, "churn_probability") if name in scores["no_data"]]
    if unknown:
        console.print(f"no_data for everybody: {', '.join(unknown)}.", soft_wrap=True)
    print_table("Fit", ("fit", "customers"), scores["fit"].items(), right=(1,))
    _show_decisions(decided)


def _show_decisions(decided: dict[str, Any]) -> None:
    console = make_console()
    for title, key, columns in (
        ("Decisions", "decisions", ("decision", "cases")),
        ("Proposed", "proposed", ("stage and step", "actions")),
    ):
        if decided[key]:
            print_table(title, columns, decided[key].items(), right=(1,))
    if decided["confirming"]:
        console.print(
            f"{decided['confirming']:,} customers meet an entry condition that must hold for more "
            "nights in a row.",
            soft_wrap=True,
        )
    if decided["held_out"]:
        console.print(f"{decided['held_out']:,} customers are left untreated, to compare with.")
    for effect, wanted in decided["over_cap"].items():
        console.print(
            f"[bold]{effect}: {wanted} are too many for one night; all of them are held.[/] "
            "See 'retention batch list'.",
            soft_wrap=True,
        )
    console.print(f"{decided['open_cases']:,} cases are open.")


def _show_plan(planned: dict[str, Any]) -> None:
    if planned["done"]:
        make_console().print(f"The night of {planned['as_of']} is done; it would change nothing.")
        return
    show_night(planned["summary"])
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
