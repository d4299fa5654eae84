"""`retention team`: who may do what, and who acts for whom."""

from typing import Annotated, Any

import typer

from retention.cli.acting import Reason, Who, acting, looking, say
from retention.terminal import AsJson, emit, parse_day, print_table

team_app = typer.Typer(help="Who may do what, and who acts for whom.", no_args_is_help=True)


@team_app.command("show")
def show_team(*, as_json: AsJson = False) -> None:
    """Show everybody with their roles, and who acts for whom."""
    from retention.clock import utc_now
    from retention.db.session import reading
    from retention.domain.dates import date_in
    from retention.people.delegations import list_delegations

    reader = looking()
    people: list[dict[str, Any]] = [
        {"id": p.person_id, "name": p.name, "roles": sorted(p.roles), "all": p.all_accounts}
        for p in reader.team.people.values()
    ]
    with reading(reader.engine) as session:
        on = date_in(utc_now(), reader.settings.timezone)
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
    from retention.people import delegations

    with acting(who) as (shop, actor, session):
        team = shop.policies.team
        row = delegations.delegate(
            session, actor, team.get(to), parse_day(from_), parse_day(until),
            principal=team.get(instead_of) if instead_of else None, reason=reason,
        )  # fmt: skip
        number = row.id
    text = f"{to} acts for {row.principal_id} from {from_} to {until}."
    say({"delegation": number}, text, as_json=as_json)


@team_app.command("revoke")
def revoke(
    number: Annotated[int, typer.Argument(help="Its number, from 'retention team show'.")],
    who: Who,
    *,
    as_json: AsJson = False,
) -> None:
    """End a delegation before its time."""
    from retention.people import delegations

    with acting(who) as (_, actor, session):
        delegations.revoke(session, actor, number)
    say({"revoked": number}, f"{number} is revoked.", as_json=as_json)
