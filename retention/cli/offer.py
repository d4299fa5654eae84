"""`retention offer` and `retention handover`: what customers and partners answer."""

from decimal import Decimal, InvalidOperation
from typing import Annotated

import typer

from retention.cli.acting import Note, Who, acting, choice, say
from retention.terminal import AsJson, parse_day

offers_app = typer.Typer(help="What customers say to a proposal.", no_args_is_help=True)


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
    from retention.actions import offers, told_to_team
    from retention.domain.offers import Answer

    with acting(who) as (shop, actor, session):
        action = told_to_team.record_answer(
            session, action_id, actor, choice(Answer, said), shop.sender, shop.folders,
            counter_fee=_money(fee), note=note,
        )  # fmt: skip
        offer = offers.of_action(action)
    say(
        {"offer": offer.id, "version": offer.version, "state": offer.state},
        f"Version {offer.version} of the offer is {offer.state}.",
        as_json=as_json,
    )


@offers_app.command("revise")
def revise(
    action_id: Annotated[str, typer.Argument(help="The id of the proposal's action.")],
    who: Who,
    fee: Annotated[str | None, typer.Option(help="The fee you offer now, per month.")] = None,
    until: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="The last day to accept it.")
    ] = None,
    service: Annotated[str | None, typer.Option(help="The service or channel, in words.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Propose another fee, day or service; somebody else approves the new message."""
    from retention.actions.offer_revision import revise as revise_offer
    from retention.domain.offer_revisions import Revision

    wish = Revision(_money(fee), parse_day(until), service)
    with acting(who) as (shop, actor, session):
        made = revise_offer(session, action_id, actor, wish, shop.sender, shop.folders)
        number, version = made.id, made.offer.version if made.offer else 0
    say(
        {"action": number, "version": version},
        f"{number[:8]} is version {version}; somebody else approves it.",
        as_json=as_json,
    )


def _money(text: str | None) -> Decimal | None:
    if text is None:
        return None
    try:
        return Decimal(text).quantize(Decimal("0.01"))
    except InvalidOperation:
        raise typer.BadParameter(f"'{text}' is no amount; write for example 89.50") from None
