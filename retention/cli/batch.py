"""`retention batch`, `waiver`, `ops` and `team`: what people decide about the programme itself."""

from typing import Annotated, Any

import typer

from retention.cli.acting import Reason, Who, choice, desk_of, owner_of, ready
from retention.terminal import AsJson, emit, make_console, parse_day, print_table

batches_app = typer.Typer(help="What a night held back: list, release, refuse.",
                          no_args_is_help=True)  # fmt: skip
waivers_app = typer.Typer(help="Stages that may be skipped: ask, list, decide.",
                          no_args_is_help=True)  # fmt: skip
ops_app = typer.Typer(help="Stop and start the programme, or parts of it.", no_args_is_help=True)
team_app = typer.Typer(help="Who may do what, and who acts for whom.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(help="Its id, or the first characters of it.")]
Note = Annotated[str, typer.Option(help="In your own words.")]
Scope = Annotated[str, typer.Argument(help="all, adverse, playbook:restore, stage:terminate ...")]


def _say(done: dict[str, Any], text: str, *, as_json: bool) -> None:
    if as_json:
        emit(done)
    else:
        make_console().print(text, soft_wrap=True)


@batches_app.command("list")
def list_batches(*, as_json: AsJson = False) -> None:
    """List the batches that wait for a decision, or for the next night."""
    from retention.db.session import reading
    from retention.ladder import held_batches as batches

    with reading(ready().engine) as session:
        rows: list[dict[str, Any]] = [
            {
                "id": batch.id,
                "business_date": batch.business_date.isoformat(),
                "effect": batch.effect,
                "wanted": batch.wanted,
                "allowed": batch.allowed,
                "state": batch.state,
                "first_by": batch.first_by,
                "customers": batch.customers,
            }
            for batch in batches.list_open(session)
        ]
    if as_json:
        emit({"batches": rows})
        return
    print_table(
        "Held back" if rows else "Nothing is held back.",
        ("id", "on", "effect", "wanted", "allowed", "state", "first by"),
        [(r["id"][:8], r["business_date"], r["effect"], r["wanted"], r["allowed"], r["state"],
          r["first_by"]) for r in rows],
        right=(3, 4),
    )  # fmt: skip


@batches_app.command("release")
def release(batch_id: Id, who: Who, reason: Reason, *, as_json: AsJson = False) -> None:
    """Let a batch through on the next night; an adverse one needs two people."""
    from retention.db.session import writing
    from retention.ladder import held_batches as batches

    shop = ready()
    desk = desk_of(shop, who)
    with writing(shop.engine) as session:
        batch = batches.get(session, batch_id)
        batches.release(session, batch, desk.person, reason, desk.now)
        state = str(batch.state)
    text = "The next night lets it through." if state == "released" else "A second person must."
    _say({"batch": batch.id, "state": state}, f"{batch.id[:8]} is {state}. {text}", as_json=as_json)


@batches_app.command("refuse")
def refuse_batch(batch_id: Id, who: Who, reason: Reason, *, as_json: AsJson = False) -> None:
    """Refuse a batch; the next night decides anew."""
    from retention.db.session import writing
    from retention.ladder import held_batches as batches

    shop = ready()
    desk = desk_of(shop, who)
    with writing(shop.engine) as session:
        batch = batches.get(session, batch_id)
        batches.turn_down(session, batch, desk.person, reason, desk.now)
    _say({"batch": batch.id, "state": "refused"}, f"{batch.id[:8]} is refused.", as_json=as_json)


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
    from retention.db.session import writing
    from retention.domain.stages import Stage

    shop = ready()
    desk = desk_of(shop, who)
    with writing(shop.engine) as session:
        case = open_case_of(session, customer_id)
        waiver = waivers.request(session, case, choice(Stage, stage), desk, reason=reason,
                                 owner=owner_of(shop, customer_id))  # fmt: skip
    _say({"waiver": waiver.id}, f"{waiver.id[:8]} waits for a second person.", as_json=as_json)


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
    from retention.db.models import Case
    from retention.db.session import writing

    shop = ready()
    desk = desk_of(shop, who)
    with writing(shop.engine) as session:
        waiver = waivers.get(session, waiver_id)
        customer = session.get_one(Case, waiver.case_id).customer_id
        waivers.decide(
            session, waiver.id, desk, granted=granted, note=note, owner=owner_of(shop, customer)
        )
    _say({"waiver": waiver.id, "state": waiver.state}, f"{waiver.id[:8]} is {waiver.state}.",
         as_json=as_json)  # fmt: skip


@ops_app.command("stop")
def stop(scope: Scope, who: Who, reason: Reason, *, as_json: AsJson = False) -> None:
    """Stop all sending, a playbook, a stage or a kind of action, at once."""
    from retention.db.session import writing
    from retention.safeguards import kill_switch as switches

    shop = ready()
    desk = desk_of(shop, who)
    with writing(shop.engine) as session:
        switches.stop(session, scope, desk.person, reason, desk.now)
    _say({"stopped": scope}, f"'{scope}' is stopped.", as_json=as_json)


@ops_app.command("start")
def start(scope: Scope, who: Who, reason: Reason, *, as_json: AsJson = False) -> None:
    """Start again what was stopped."""
    from retention.db.session import writing
    from retention.safeguards import kill_switch as switches

    shop = ready()
    desk = desk_of(shop, who)
    with writing(shop.engine) as session:
        switches.start(session, scope, desk.person, reason, desk.now)
    _say({"started": scope}, f"'{scope}' is started.", as_json=as_json)


@ops_app.command("status")
def status(*, as_json: AsJson = False) -> None:
    """Show what is stopped, by a switch or by the file."""
    from retention.db.session import reading
    from retention.safeguards import kill_switch as switches

    shop = ready()
    with reading(shop.engine) as session:
        stopped = switches.stopped(session)
    if shop.settings.stop_file.exists():
        stopped["file"] = f"{shop.settings.stop_file} exists"
    if as_json:
        emit({"stopped": stopped})
        return
    rows = sorted(stopped.items())
    print_table("Stopped" if rows else "Nothing is stopped.", ("what", "why"), rows)


@team_app.command("show")
def show_team(*, as_json: AsJson = False) -> None:
    """Show everybody with their roles, and who acts for whom."""
    from retention.clock import utc_now
    from retention.db.session import reading
    from retention.domain.dates import date_in
    from retention.people.actor import list_delegations

    shop = ready()
    people: list[dict[str, Any]] = [
        {"id": p.person_id, "name": p.name, "roles": sorted(p.roles), "all": p.all_accounts}
        for p in shop.policies.team.people.values()
    ]
    with reading(shop.engine) as session:
        on = date_in(utc_now(), shop.settings.timezone)
        lent = [
            {
                "number": row.id,
                "principal": row.principal_id,
                "deputy": row.deputy_id,
                "from": row.starts_on.isoformat(),
                "until": row.ends_on.isoformat(),
                "reason": row.reason,
            }
            for row in list_delegations(session, on)
        ]
    if as_json:
        emit({"people": people, "delegations": lent})
        return
    print_table("Team", ("id", "name", "roles", "accounts"),
                [(p["id"], p["name"], ", ".join(p["roles"]), "all" if p["all"] else "own")
                 for p in people])  # fmt: skip
    if lent:
        print_table("Standing in", ("number", "for", "acts", "from", "until", "why"),
                    [tuple(row[k] for k in ("number", "principal", "deputy", "from", "until",
                                            "reason")) for row in lent])  # fmt: skip


@team_app.command("delegate")
def delegate(
    who: Who,
    to: Annotated[str, typer.Option(help="Who acts instead.")],
    from_: Annotated[str, typer.Option("--from", metavar="YYYY-MM-DD", help="The first day.")],
    until: Annotated[str, typer.Option(metavar="YYYY-MM-DD", help="The last day.")],
    reason: Reason,
    instead_of: Annotated[
        str | None, typer.Option("--for", help="For a colleague who is away (directors only).")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Let somebody act for you between two days."""
    from retention.db.session import writing
    from retention.people import actor as desks

    shop = ready()
    desk = desk_of(shop, who)
    team = shop.policies.team
    with writing(shop.engine) as session:
        row = desks.delegate(
            session, desk, team.get(to), parse_day(from_), parse_day(until),
            principal=team.get(instead_of) if instead_of else None, reason=reason,
        )  # fmt: skip
        number = row.id
    text = f"{to} acts for {row.principal_id} from {from_} to {until}."
    _say({"delegation": number}, text, as_json=as_json)


@team_app.command("revoke")
def revoke(
    number: Annotated[int, typer.Argument(help="Its number, from 'retention team show'.")],
    who: Who,
    *,
    as_json: AsJson = False,
) -> None:
    """End a delegation before its time."""
    from retention.db.session import writing
    from retention.people import actor as desks

    shop = ready()
    desk = desk_of(shop, who)
    with writing(shop.engine) as session:
        desks.revoke(session, desk, number)
    _say({"revoked": number}, f"{number} is revoked.", as_json=as_json)
