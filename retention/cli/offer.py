"""`retention offer` and `retention handover`: what customers and partners answer."""

from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

import typer

from retention.cli.acting import Who, choice, desk_of, owner_of, ready
from retention.terminal import AsJson, emit, make_console, print_table

offers_app = typer.Typer(help="What customers say to a proposal.", no_args_is_help=True)
handovers_app = typer.Typer(help="Customers who are handed over to a partner.",
                            no_args_is_help=True)  # fmt: skip

Id = Annotated[str, typer.Argument(help="Its id, or the first characters of it.")]
Note = Annotated[str, typer.Option(help="In your own words.")]


@offers_app.command("answer")
def answer(
    action_id: Annotated[str, typer.Argument(help="The id of the proposal's action.")],
    said: Annotated[str, typer.Argument(help="accept, counter, decline or ask.")],
    who: Who,
    fee: Annotated[str | None, typer.Option(help="The fee the customer offers instead.")] = None,
    note: Note = "",
    *,
    as_json: AsJson = False,
) -> None:
    """Record what a customer has told you about a proposal; a later answer counts."""
    from retention.actions import acknowledgements as answering
    from retention.actions import offers
    from retention.db.session import writing
    from retention.domain.offers import Answer

    shop = ready()
    desk = desk_of(shop, who)
    with writing(shop.engine) as session:
        action = answering.record_answer(
            session, action_id, desk, choice(Answer, said), shop.sender, shop.places,
            counter_fee=_money(fee), note=note,
        )  # fmt: skip
        offer = offers.of_action(action)
    if as_json:
        emit({"offer": offer.id, "version": offer.version, "state": offer.state})
    else:
        make_console().print(f"Version {offer.version} of the offer is {offer.state}.")


@offers_app.command("revise")
def revise(
    action_id: Annotated[str, typer.Argument(help="The id of the proposal's action.")],
    fee: Annotated[str, typer.Option(help="The fee you offer now, per month.")],
    who: Who,
    *,
    as_json: AsJson = False,
) -> None:
    """Propose another fee, for example the customer's own; somebody else approves the message."""
    from retention.actions.offer_revision import revise as revise_offer
    from retention.db.session import writing

    shop = ready()
    desk = desk_of(shop, who)
    amount = _money(fee) or Decimal(0)
    with writing(shop.engine) as session:
        made = revise_offer(session, action_id, desk, amount, shop.sender, shop.places)
        number, version = made.id, made.offer.version if made.offer else 0
    if as_json:
        emit({"action": number, "version": version})
    else:
        make_console().print(f"{number[:8]} is version {version}; somebody else approves it.")


def _money(text: str | None) -> Decimal | None:
    if text is None:
        return None
    try:
        return Decimal(text).quantize(Decimal("0.01"))
    except InvalidOperation:
        raise typer.BadParameter(f"'{text}' is no amount; write for example 89.50") from None


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
    from retention.actions import acknowledgements as answering
    from retention.cases import handovers
    from retention.db.queries.cases import open_case_of
    from retention.db.session import writing
    from retention.domain.errors import NotFoundError
    from retention.snapshots.customers import people_of

    shop = ready()
    desk = desk_of(shop, who)
    partner = shop.policies.partners.get(to)
    if partner is None:
        known = ", ".join(sorted(shop.policies.partners)) or "none"
        raise NotFoundError(f"partner '{to}'", "is not in config/partners.yaml", f"Known: {known}.")
    person = people_of(shop.places.snapshots, {customer_id}).get(customer_id, {})
    place = (person.get("country"), person.get("kind"))
    with writing(shop.engine) as session:
        case = open_case_of(session, customer_id)
        row = handovers.offer(session, case, partner, desk, place=place,
                              owner=owner_of(shop, customer_id))  # fmt: skip
        answering.propose_handover(session, case.id, partner, desk, shop.sender, shop.places)
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
    from retention.db.session import writing
    from retention.domain.handovers import HandoverState

    shop = ready()
    desk = desk_of(shop, who)
    with writing(shop.engine) as session:
        found = handovers.get(session, handover_id)
        row = handovers.move(session, found.id, desk, choice(HandoverState, to), note,
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
    if as_json:
        emit({"handover": handover_id, "state": state})
    else:
        make_console().print(f"{handover_id[:8]} is {state}.")
