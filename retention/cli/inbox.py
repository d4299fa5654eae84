"""`retention inbox`: read what came back, and look at it."""

from typing import Annotated, Any

import typer

from retention.cli.acting import choice, ready
from retention.terminal import AsJson, emit, make_console, print_table

app = typer.Typer(help="What came back: bounces, complaints, automatic answers, replies.",
                  no_args_is_help=True)  # fmt: skip

Limit = Annotated[int, typer.Option(min=1, max=10_000)]


@app.command("read")
def read(limit: Limit = 500, *, as_json: AsJson = False) -> None:
    """Read the configured mailbox; each message takes effect once."""
    ready()
    with make_console(stderr=True).status("Reading the mailbox ..."):
        from retention.environment import keep_prefect_quiet

        keep_prefect_quiet()
        from flows.inbox import inbox as inbox_flow
        from flows.parameters import InboxParameters

        summary = inbox_flow(InboxParameters(limit=limit))
    if as_json:
        emit({"inbox": {"kinds": summary.kinds, "known": summary.known,
                        "unmatched": summary.unmatched}})  # fmt: skip
        return
    if summary.kinds:
        print_table("New", ("kind", "messages"), summary.kinds.items(), right=(1,))
    else:
        make_console().print("Nothing new.")
    if summary.unmatched:
        make_console().print(f"{summary.unmatched} of them answer no message of ours.")


@app.command("list")
def list_(
    kind: Annotated[str | None, typer.Option(help="Only this kind, for example reply.")] = None,
    limit: Limit = 50,
    *,
    as_json: AsJson = False,
) -> None:
    """List what came in, newest first."""
    from sqlalchemy import select

    from retention.db.models.incoming import Incoming
    from retention.db.session import reading
    from retention.domain.incoming import IncomingKind

    query = select(Incoming).order_by(Incoming.received_at.desc(), Incoming.id).limit(limit)
    wanted = choice(IncomingKind, kind)
    if wanted is not None:
        query = query.where(Incoming.kind == wanted)
    with reading(ready().engine) as session:
        rows: list[dict[str, Any]] = [
            {
                "id": row.id,
                "received_at": row.received_at.isoformat(),
                "kind": row.kind,
                "customer_id": row.customer_id,
                "reason": row.reason,
                "code": row.code,
                "subject": row.subject,
                "message_id": row.message_id,
                "action_id": row.action_id,
            }
            for row in session.scalars(query)
        ]
    if as_json:
        emit({"incoming": rows})
        return
    print_table(
        "Came in" if rows else "Nothing has come in.",
        ("on", "kind", "customer", "reason", "task"),
        [(r["received_at"][:16], r["kind"], r["customer_id"], r["reason"],
          r["action_id"] and r["action_id"][:8]) for r in rows],
        most=limit,
    )  # fmt: skip
