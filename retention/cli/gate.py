"""`retention gate`: which tables are not to be trusted tonight, and who accepts a change."""

from typing import Annotated

import typer

from retention.terminal import AsJson, AsOf, emit, make_console, parse_day, print_table

app = typer.Typer(help="Data that is not to be trusted: show, accept.", no_args_is_help=True)

Table = Annotated[str, typer.Argument(help="The canonical table, for example tickets; or 'entry'.")]
Who = Annotated[str, typer.Option("--as", metavar="PERSON", help="Your id in config/team.yaml.")]
Reason = Annotated[str, typer.Option(help="Why the change is right; it is kept.")]


@app.command("show")
def show(as_of: AsOf = None, *, as_json: AsJson = False) -> None:
    """Read the sources and show what each table's gate would say. Stores nothing."""
    from retention.bootstrap import get_application
    from retention.clock import business_date
    from retention.db import schema
    from retention.db.session import reading
    from retention.nights import gate_overrides as gates

    shop = get_application()
    day = parse_day(as_of) or business_date(shop.settings.timezone)
    history = []
    if schema.prepare(shop.engine):
        with reading(shop.engine) as session:
            history = gates.history(session, shop.policies.guards.history)
    with make_console(stderr=True).status("Reading the sources ..."):
        found = gates.look(shop.policies, shop.folders, day, history)
    if as_json:
        emit({"gates": found})
        return
    rows = [(r["table"], r["rows"], r["newest"], r["found"] or "good") for r in found["tables"]]
    print_table(f"Gates of {day}", ("table", "rows", "newest", "verdict"), rows, right=(1,))
    for noticed in found["noticed"]:
        make_console().print(
            f"{noticed['table']}: {noticed['said']}{_examples(noticed['seen'])}.",
            markup=False,
            soft_wrap=True,
        )
    if found["held_playbooks"]:
        make_console().print(f"These playbooks would wait: {', '.join(found['held_playbooks'])}.")


def _examples(seen: str) -> str:
    return f": {seen}" if seen else ""


@app.command("accept")
def accept(
    table: Table, who: Who, reason: Reason, as_of: AsOf = None, *, as_json: AsJson = False
) -> None:
    """Accept what the gate of a table finds, for one night, with your name and a reason."""
    from retention.bootstrap import get_application
    from retention.clock import business_date, utc_now
    from retention.db import schema
    from retention.db.session import reading, writing
    from retention.nights import gate_overrides as gates

    shop = get_application()
    schema.make_ready(shop.engine)
    day = parse_day(as_of) or business_date(shop.settings.timezone)
    person = shop.policies.team.get(who)
    with reading(shop.engine) as session:
        history = gates.history(session, shop.policies.guards.history)
        doubt = gates.doubt_of(session)
    trip = gates.trip_of(shop.policies, shop.folders, table, day, history, doubt)
    with writing(shop.engine) as session:
        gates.accept(session, trip, person, reason, day, utc_now())
    if as_json:
        emit({"accepted": {"table": table, "as_of": day.isoformat(), "by": person.person_id,
                           "found": trip.found}})  # fmt: skip
        return
    console = make_console()
    console.print(f"{table}: {trip.found}", markup=False, soft_wrap=True)
    then = (
        "The nights of the next three days may let them enter."
        if table == "entry"
        else "Run it again."
    )
    console.print(f"Accepted for the night of {day}, by {person.name}. {then}")
