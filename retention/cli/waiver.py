"""`retention waiver`: stages that may be skipped: ask, list, decide."""

from typing import Annotated

import typer

from retention.cli.acting import Id, Note, Reason, Who, acting, choice, owner_of, ready, say
from retention.terminal import AsJson, emit, print_table

waivers_app = typer.Typer(help="Stages that may be skipped: ask, list, decide.",
                          no_args_is_help=True)  # fmt: skip


@waivers_app.command("ask")
def ask_waiver(
    customer_id: Annotated[str, typer.Argument(help="The customer whose case it is.")],
    stage: Annotated[str, typer.Option(help="The stage to skip, for example educate.")],
    who: Who,
    reason: Reason,
    *,
    as_json: AsJson = False,
) -> None:
    """Ask to skip a stage; a second person decides."""
    from retention.cases import waivers
    from retention.db.queries.cases import open_case_of
    from retention.domain.stages import Stage

    with acting(who) as (shop, actor, session):
        case = open_case_of(session, customer_id)
        waiver = waivers.request(session, case, choice(Stage, stage), actor, reason=reason,
                                 owner=owner_of(shop, customer_id))  # fmt: skip
    say({"waiver": waiver.id}, f"{waiver.id[:8]} waits for a second person.", as_json=as_json)


@waivers_app.command("list")
def list_waivers(*, as_json: AsJson = False) -> None:
    """List the waivers that wait for a second person."""
    from retention.cases import waivers
    from retention.db.session import reading

    with reading(ready().engine) as session:
        rows = [
            {
                "id": waiver.id,
                "customer_id": customer,
                "stage": waiver.stage,
                "reason": waiver.reason,
                "by": waiver.requested_by,
            }
            for waiver, customer in waivers.list_requested(session)
        ]
    if as_json:
        emit({"waivers": rows})
        return
    print_table(
        "Asked for" if rows else "Nobody asks to skip a stage.",
        ("id", "customer", "stage", "by", "reason"),
        [(r["id"][:8], r["customer_id"], r["stage"], r["by"], r["reason"]) for r in rows],
    )


@waivers_app.command("grant")
def grant(waiver_id: Id, who: Who, note: Note = "", *, as_json: AsJson = False) -> None:
    """Agree that a stage is skipped."""
    _decide_waiver(waiver_id, who, note, granted=True, as_json=as_json)


@waivers_app.command("refuse")
def refuse_waiver(waiver_id: Id, who: Who, note: Note = "", *, as_json: AsJson = False) -> None:
    """Refuse to skip a stage."""
    _decide_waiver(waiver_id, who, note, granted=False, as_json=as_json)


def _decide_waiver(waiver_id: str, who: str, note: str, *, granted: bool, as_json: bool) -> None:
    from retention.cases import waivers
    from retention.db.models.work.cases import Case

    with acting(who) as (shop, actor, session):
        waiver = waivers.get(session, waiver_id)
        customer = session.get_one(Case, waiver.case_id).customer_id
        waivers.decide(
            session, waiver.id, actor, granted=granted, note=note, owner=owner_of(shop, customer)
        )
    say({"waiver": waiver.id, "state": waiver.state}, f"{waiver.id[:8]} is {waiver.state}.",
         as_json=as_json)  # fmt: skip
