"""`retention handover`: customers who are handed over to a partner."""

from typing import Annotated, Any

import typer

from retention.cli.acting import Id, Note, Who, acting, choice, owner_of, ready, say
from retention.terminal import AsJson, emit, print_table

handovers_app = typer.Typer(help="Customers who are handed over to a partner.",
                            no_args_is_help=True)  # fmt: skip


@handovers_app.command("partners")
def partners(*, as_json: AsJson = False) -> None:
    """Show the partners and how many customers each can still take."""
    from retention.cases import handovers
    from retention.db.session import reading

    shop = ready()
    with reading(shop.engine) as session:
        rows: list[dict[str, Any]] = [
            {
                "id": p.partner_id,
                "name": p.name,
                "countries": sorted(p.countries),
                "kinds": sorted(p.kinds),
                "places_left": handovers.places_left(session, p),
            }
            for p in shop.policies.partners.values()
        ]
    if as_json:
        emit({"partners": rows})
        return
    print_table("Partners", ("id", "name", "countries", "places left"),
                [(r["id"], r["name"], ", ".join(r["countries"]) or "all", r["places_left"])
                 for r in rows], right=(3,))  # fmt: skip


@handovers_app.command("offer")
def offer_handover(
    customer_id: Annotated[str, typer.Argument(help="A customer at the stage 'migrate'.")],
    to: Annotated[str, typer.Option(help="Id of the partner, from config/partners.yaml.")],
    who: Who,
    *,
    as_json: AsJson = False,
) -> None:
    """Offer a customer a place at a partner."""
    from retention.actions.handover_offers import offer_handover as offer

    with acting(who) as (shop, actor, session):
        row = offer(session, customer_id, to, actor, shop.sender, shop.folders,
                    owner=owner_of(shop, customer_id))  # fmt: skip
    _say(row.id, str(row.state), as_json=as_json)


@handovers_app.command("move")
def move(
    handover_id: Id,
    to: Annotated[str, typer.Argument(help="consented, requested, confirmed, refused, withdrawn")],
    who: Who,
    note: Note = "",
    *,
    as_json: AsJson = False,
) -> None:
    """Record the next step; only the partner's word confirms a hand-over."""
    from retention.cases import handovers
    from retention.domain.handovers import HandoverState

    with acting(who) as (shop, actor, session):
        found = handovers.get(session, handover_id)
        row = handovers.move(session, found.id, actor, choice(HandoverState, to), note,
                             owner=owner_of(shop, found.customer_id))  # fmt: skip
    _say(row.id, str(row.state), as_json=as_json)


@handovers_app.command("list")
def list_(*, as_json: AsJson = False) -> None:
    """List every hand-over, the newest change first."""
    from retention.cases import handovers
    from retention.db.session import reading

    with reading(ready().engine) as session:
        rows: list[dict[str, Any]] = [
            {"id": r.id, "customer_id": r.customer_id, "partner": r.partner_id, "state": r.state,
             "by": r.changed_by, "note": r.note}
            for r in handovers.list_all(session)
        ]  # fmt: skip
    if as_json:
        emit({"handovers": rows})
        return
    print_table("Hand-overs" if rows else "Nobody is handed over.",
                ("id", "customer", "partner", "state", "by", "note"),
                [(r["id"][:8], r["customer_id"], r["partner"], r["state"], r["by"], r["note"])
                 for r in rows])  # fmt: skip


def _say(handover_id: str, state: str, *, as_json: bool) -> None:
    say(
        {"handover": handover_id, "state": state}, f"{handover_id[:8]} is {state}.", as_json=as_json
    )
