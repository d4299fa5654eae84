"""`retention queue`: what waits for a person, and the person's decision."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from retention.cli.output import AsJson, emit, print_table
from retention.cli.queue_view import (
    SHORT,
    decided,
    details,
    print_details,
    report,
    summary,
    waits_for,
)

if TYPE_CHECKING:
    from retention.workshop import Workshop

app = typer.Typer(help="What waits for a person: list, show, approve, reject, complete.",
                  no_args_is_help=True)  # fmt: skip

ActionId = Annotated[str, typer.Argument(help="The action's id, or its first six characters.")]
ActionIds = Annotated[list[str], typer.Argument(help="Ids of actions, or their first characters.")]
Who = Annotated[str, typer.Option("--as", metavar="PERSON", help="Your id in config/team.yaml.")]


@app.command("list")
def list_(
    state: Annotated[str | None, typer.Option(help="Only this state.")] = None,
    stage: Annotated[str | None, typer.Option(help="Only this stage.")] = None,
    owner: Annotated[str | None, typer.Option(help="Only this account manager's.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 50,
    *,
    as_json: AsJson = False,
) -> None:
    """List what waits, most urgent first."""
    from retention.db.queries import actions as queries
    from retention.db.session import reading
    from retention.domain.actions import ActionState
    from retention.domain.stages import Stage
    from retention.services.explain import people_of

    shop = _ready()
    with reading(shop.engine) as session:
        found = queries.list_waiting(
            session,
            state=_choice(ActionState, state),
            stage=_choice(Stage, stage),
            owner=owner,
            limit=limit,
        )
        people = people_of(shop.places.snapshots, {action.customer_id for action in found})
        rows = [summary(action, people) for action in found]
    if as_json:
        emit({"actions": rows})
        return
    print_table(
        "Waiting" if rows else "Nothing waits.",
        ("id", "customer", "name", "what", "state", "waits for", "due"),
        [
            (
                row["id"][:SHORT],
                row["customer_id"],
                row["name"],
                row["template"] or f"{row['kind']}: {row['form']}",
                row["state"].removesuffix("_approval"),
                waits_for(row),
                row["due_on"],
            )
            for row in rows
        ],
    )


@app.command("show")
def show(action_id: ActionId, *, as_json: AsJson = False) -> None:
    """Show the very message, and why it is proposed."""
    from retention.db.queries import actions as queries
    from retention.db.session import reading
    from retention.services.approvals import outcomes_of
    from retention.services.explain import people_of

    shop = _ready()
    with reading(shop.engine) as session:
        action = queries.get(session, action_id)
        people = people_of(shop.places.snapshots, {action.customer_id})
        found = details(action, people)
        if action.rendering is None:
            found["outcomes"] = outcomes_of(session, action, shop.policies)
    if as_json:
        emit({"action": found})
    else:
        print_details(found)


@app.command("approve")
def approve(
    action_ids: ActionIds,
    who: Who,
    seen: Annotated[
        str | None, typer.Option(help="Content hash you were shown; refuse if it has changed.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Approve messages in your role. The last needed approval puts a message into the outbox."""
    from retention.clock import utc_now
    from retention.db.session import writing
    from retention.domain.errors import RetentionError
    from retention.services import approvals, delivery

    shop = _ready()
    person = shop.policies.team.get(who)
    today = delivery.today(utc_now(), shop.settings.timezone)
    done: list[dict[str, Any]] = []
    for action_id in action_ids:
        try:
            with writing(shop.engine) as session:
                action = approvals.approve(session, action_id, person, utc_now(), today, seen=seen)
                done.append(decided(action, approvals.still_needed(action)))
        except RetentionError as error:
            if len(action_ids) == 1:
                raise
            done.append({"id": action_id, "state": f"not approved: {error}", "waits_for": []})
    report(done, as_json=as_json)
    if any(row["state"].startswith("not ") for row in done):
        raise typer.Exit(3)


@app.command("reject")
def reject(
    action_id: ActionId,
    who: Who,
    reason: Annotated[str, typer.Option(help="Why; it is kept with the action.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Reject an action. The reason is required."""
    from retention.clock import utc_now
    from retention.db.session import writing
    from retention.services import approvals

    shop = _ready()
    person = shop.policies.team.get(who)
    with writing(shop.engine) as session:
        action = approvals.reject(session, action_id, person, utc_now(), reason=reason)
    report([decided(action, [])], as_json=as_json)


@app.command("complete")
def complete(
    action_id: ActionId,
    who: Who,
    outcome: Annotated[str, typer.Option(help="What came of the call or the review.")],
    note: Annotated[str, typer.Option(help="In your own words.")] = "",
    *,
    as_json: AsJson = False,
) -> None:
    """Log what came of a call, a letter or a review."""
    from retention.clock import utc_now
    from retention.db.session import writing
    from retention.services import approvals, delivery

    shop = _ready()
    person = shop.policies.team.get(who)
    today = delivery.today(utc_now(), shop.settings.timezone)
    with writing(shop.engine) as session:
        action = approvals.complete(
            session, action_id, person, shop.policies, today, outcome=outcome, note=note
        )
    report([decided(action, [])], as_json=as_json)


def _ready() -> "Workshop":
    from retention.db import schema
    from retention.domain.errors import NotFoundError
    from retention.workshop import get_workshop

    shop = get_workshop()
    if not schema.exists(shop.engine):
        raise NotFoundError("the queue", "no night has run yet", "Run 'retention run' first.")
    return shop


def _choice(enum: Any, value: str | None) -> Any:
    if value is None:
        return None
    try:
        return enum(value)
    except ValueError:
        listed = ", ".join(enum)
        raise typer.BadParameter(f"'{value}' is none of: {listed}") from None
