"""`retention audit`: verify the chain, export its head, look, erase a customer's data."""

from pathlib import Path
from typing import Annotated

import typer

from retention.cli.acting import Reason, Who, acting, ready, say
from retention.terminal import AsJson, emit, make_console, print_table

app = typer.Typer(help="What happened, in a chain that shows any change.", no_args_is_help=True)


@app.command("verify")
def verify(
    head: Annotated[
        Path | None, typer.Option(help="A file of heads that was exported before.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Go through the whole chain; exit code 4 when anything was altered, removed or cut off."""
    from retention.audit import verify as audit
    from retention.db.session import reading

    heads = []
    if head is not None:
        lines = head.read_text("utf-8").splitlines()
        heads = [audit.Head.parse(line, str(head)) for line in lines if line.strip()]
    with reading(ready().engine) as session:
        verdict = audit.verify(session, heads)
    if as_json:
        emit(
            {
                "events": verdict.events,
                "erased": verdict.erased,
                "head": {"number": verdict.head.number, "hash": verdict.head.hash},
                "findings": [{"number": f.number, "what": f.what} for f in verdict.findings],
            }
        )
    else:
        rows = [(f.number, f.what) for f in verdict.findings]
        if rows:
            print_table("The chain does not hold", ("event", "what"), rows, right=(0,))
        else:
            compared = f", {len(heads)} exported heads agree" if heads else ""
            make_console().print(
                f"The chain holds: {verdict.events:,} events, {verdict.erased:,} of them "
                f"erased{compared}."
            )
    if verdict.findings:
        raise typer.Exit(4)


@app.command("head")
def head(
    out: Annotated[Path | None, typer.Option(help="Append it to this file.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Print the newest event's number and hash: keep it where the database's owner cannot write."""
    from retention.audit import verify as audit
    from retention.clock import utc_now
    from retention.db.session import writing

    with writing(ready().engine) as session:
        line = audit.export_head(session, utc_now())
    if out is not None:
        with out.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
    if as_json:
        number, hash_, at = line.split()
        emit({"head": {"number": int(number), "hash": hash_, "at": at}})
    else:
        make_console().print(line, soft_wrap=True)


@app.command("show")
def show(
    customer: Annotated[str | None, typer.Option(help="Only this customer's events.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 50,
    *,
    as_json: AsJson = False,
) -> None:
    """Show the newest events."""
    from retention.db.queries.audit import newest
    from retention.db.session import reading

    with reading(ready().engine) as session:
        found = newest(session, customer, limit)
    if as_json:
        emit({"events": found})
        return
    rows = [(e["number"], f"{e['at']:%Y-%m-%d %H:%M}", e["kind"], e["subject"], e["by"])
            for e in found]  # fmt: skip
    heads = ("number", "at", "what", "subject", "by")
    print_table("Events", heads, rows, right=(0,), most=limit)


@app.command("export")
def export(
    customer_id: Annotated[str, typer.Argument(help="The customer who asks for their data.")],
    who: Who,
    reason: Reason,
    out: Annotated[Path | None, typer.Option(help="Write it there; else it is printed.")] = None,
) -> None:
    """Export everything that is kept of one customer, as JSON."""
    import json

    from retention.audit import export as exporting

    with acting(who) as (shop, actor, session):
        found = exporting.export(
            session, shop.folders.snapshots, customer_id, actor.person, reason, actor.now
        )
    if out is None:
        emit(found)
        return
    out.write_text(json.dumps(found, ensure_ascii=False, indent=1), "utf-8")
    make_console(stderr=True).print(f"{out}: {len(found['action'])} actions, and the rest.")


@app.command("erase")
def erase(
    customer_id: Annotated[str, typer.Argument(help="The customer whose data is erased.")],
    who: Who,
    reason: Reason,
    *,
    as_json: AsJson = False,
) -> None:
    """Erase a customer's personal data; the chain holds without it."""
    from retention.audit import erasure

    with acting(who) as (shop, actor, session):
        count = erasure.erase(
            session, shop.folders.snapshots, customer_id, actor.person, reason, actor.now
        )
    say({"erased": count}, f"{count} records are erased; the chain holds.", as_json=as_json)
