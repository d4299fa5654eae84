"""`retention hold` and `retention suppress`: who is left alone, why, and until when."""

from typing import Annotated

import typer

from retention.cli.acting import Who, acting, choice, owner_of, ready, say
from retention.terminal import AsJson, emit, parse_day, print_table

app = typer.Typer(help="Leave customers alone: holds, exemptions, suppressions.",
                  no_args_is_help=True)  # fmt: skip

Customer = Annotated[str, typer.Argument(help="The customer's id.")]
Until = Annotated[
    str | None, typer.Option(metavar="YYYY-MM-DD", help="Its last day; then it is released.")
]


@app.command("place")
def place(
    customer_id: Customer,
    who: Who,
    reason: Annotated[str, typer.Option(help="As a code, for example promise_to_pay or dispute.")],
    until: Until = None,
    kind: Annotated[str, typer.Option(help="hold, exemption or suppression.")] = "hold",
    scope: Annotated[str, typer.Option(help="A playbook or a message class, or all.")] = "all",
    note: Annotated[str, typer.Option(help="In your own words.")] = "",
    *,
    as_json: AsJson = False,
) -> None:
    """Leave a customer alone for a while. It ends by itself."""
    from retention.domain.exclusions import ExclusionKind, ExclusionReason
    from retention.safeguards import exclusions

    with acting(who) as (shop, actor, session):
        wish = exclusions.Wish(
            customer_id=customer_id,
            kind=choice(ExclusionKind, kind),
            reason=choice(ExclusionReason, reason),
            starts_on=actor.on,
            ends_on=parse_day(until),
            scope=scope,
            note=note,
        )
        row = exclusions.place(
            session,
            wish,
            actor.person,
            actor.now,
            longest=shop.policies.longest_hold,
            owner=owner_of(shop, customer_id),
        )
        number = row.id
    say(
        {"exclusion": number},
        f"{kind} {number} is in force until {until or 'it is released'}.",
        as_json=as_json,
    )


@app.command("release")
def release(
    number: Annotated[int, typer.Argument(help="Its number, from 'retention hold list'.")],
    who: Who,
    *,
    as_json: AsJson = False,
) -> None:
    """End a hold, exemption or suppression before its time."""
    from retention.safeguards import exclusions

    with acting(who) as (shop, actor, session):
        customer = exclusions.customer_of(session, number)
        owner = owner_of(shop, customer)
        exclusions.release(session, number, actor.person, actor.now, owner=owner)
    say({"released": number}, f"{number} is released.", as_json=as_json)


@app.command("list")
def list_(*, as_json: AsJson = False) -> None:
    """List what is in force."""
    from retention.clock import utc_now
    from retention.db.session import reading
    from retention.domain.dates import date_in
    from retention.safeguards import exclusions

    shop = ready()
    on = date_in(utc_now(), shop.settings.timezone)
    with reading(shop.engine) as session:
        rows = [
            {
                "number": row.id,
                "customer_id": row.customer_id,
                "kind": row.kind,
                "scope": row.scope,
                "reason": row.reason,
                "note": row.note,
                "by": row.author,
                "until": row.ends_on and row.ends_on.isoformat(),
            }
            for row in exclusions.list_in_force(session, on)
        ]
    if as_json:
        emit({"exclusions": rows})
        return
    print_table(
        "In force" if rows else "Nobody is left alone.",
        ("number", "customer", "kind", "scope", "reason", "by", "until"),
        [(r["number"], r["customer_id"], r["kind"], r["scope"], r["reason"], r["by"], r["until"])
         for r in rows],
    )  # fmt: skip
