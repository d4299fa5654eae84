"""`retention address`: which addresses are written to no more, why, and letting one live again."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from retention.cli.acting import Reason, Who, acting, looking, say
from retention.terminal import AsJson, emit, make_console, print_table

if TYPE_CHECKING:
    from retention.db.models.incoming import DeadAddress

app = typer.Typer(help="Addresses that are written to no more.", no_args_is_help=True)
Address = Annotated[str, typer.Argument(help="The e-mail address.")]
Limit = Annotated[int, typer.Option(help="At most so many.")]


@app.command("list")
def list_(limit: Limit = 50, *, as_json: AsJson = False) -> None:
    """List the addresses that are written to no more, newest first."""
    from retention.db.session import reading
    from retention.safeguards import dead_addresses

    with reading(looking().engine) as session:
        rows = [_shown(row) for row in dead_addresses.list_dead(session, limit)]
    if as_json:
        emit({"addresses": rows})
        return
    print_table(
        "Written to no more" if rows else "Every address is written to.",
        ("since", "address", "customer", "why"),
        [(r["dead_since"][:16], r["address"], r["customer_id"], r["reason"]) for r in rows],
        most=limit,
    )


@app.command("show")
def show(address: Address, *, as_json: AsJson = False) -> None:
    """Say since when an address is dead, by what evidence, and who let it live again."""
    from retention.db.session import reading
    from retention.safeguards import dead_addresses

    with reading(looking().engine) as session:
        row = dead_addresses.find(session, address)
        found = _shown(row) | {"released_because": dead_addresses.why_released(session, row)}
    if as_json:
        emit({"address": found})
        return
    console = make_console()
    console.print(f"{found['address']} of customer {found['customer_id']}", markup=False)
    console.print(f"dead since {found['dead_since'][:16]}: {found['reason']}", markup=False)
    if found["released_at"]:
        why = found["released_because"] or "the reason is kept no more"
        released = f"released {found['released_at'][:16]} by {found['released_by']}: {why}"
        console.print(released, markup=False)


@app.command("release")
def release(address: Address, who: Who, reason: Reason, *, as_json: AsJson = False) -> None:
    """Let an address be written to again. What was given up for it is proposed anew by a night."""
    from retention.safeguards import dead_addresses

    with acting(who) as (_, actor, session):
        found = dead_addresses.release(session, address, actor.person, reason, actor.now)
    say({"released": found}, f"{found} is written to again.", as_json=as_json)


def _shown(row: "DeadAddress") -> dict[str, Any]:
    return {
        "address": row.address,
        "customer_id": row.customer_id,
        "reason": row.reason,
        "dead_since": row.found_at.isoformat(),
        "released_at": row.released_at and row.released_at.isoformat(),
        "released_by": row.released_by,
    }
