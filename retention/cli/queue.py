"""`retention queue`: what waits for a person, and the person's decision."""

from datetime import timedelta
from typing import Annotated

import typer

from retention.cli.acting import actor_of, choice, looking, ready, validity
from retention.cli.queue_printing import SHORT, print_details, waits_for
from retention.terminal import AsJson, emit, print_table

app = typer.Typer(help="What waits for a person: list, show, approve, reject, complete, hand on.",
                  no_args_is_help=True)  # fmt: skip

ActionId = Annotated[str, typer.Argument(help="The action's id, or its first six characters.")]


@app.command("list")
def list_(
    state: Annotated[str | None, typer.Option(help="Only this state.")] = None,
    stage: Annotated[str | None, typer.Option(help="Only this stage.")] = None,
    owner: Annotated[str | None, typer.Option(help="Only this account manager's.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 50,
    *,
    snoozed: Annotated[bool, typer.Option("--snoozed", help="Also what sleeps.")] = False,
    as_json: AsJson = False,
) -> None:
    """List what waits, most urgent first."""
    from retention.actions.views import summary
    from retention.clock import utc_now
    from retention.db.queries import actions as queries
    from retention.db.session import reading
    from retention.domain.actions import ActionState
    from retention.domain.dates import date_in
    from retention.domain.stages import Stage
    from retention.snapshots.people import people_of

    reader = looking()
    now = utc_now()
    with reading(reader.engine) as session:
        found = queries.list_waiting(
            session,
            state=choice(ActionState, state),
            stage=choice(Stage, stage),
            owner=owner,
            limit=limit,
            awake_on=None if snoozed else date_in(now, reader.settings.timezone),
        )
        people = people_of(reader.snapshots, {action.customer_id for action in found})
        # For how long an approval counts is asked only where somebody has approved.
        valid = reader.approvals_valid if any(a.approvals for a in found) else timedelta()
        rows = [summary(action, people, valid, now) for action in found]
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
        most=limit,
    )


@app.command("show")
def show(
    action_id: ActionId,
    who: Annotated[
        str | None, typer.Option("--as", metavar="PERSON", help="Your id: your time counts.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show the very message, and why it is proposed; with --as, that this person has seen it."""
    from retention.actions import approval as approvals
    from retention.actions import completion as completing
    from retention.actions.background import background_of
    from retention.actions.views import details
    from retention.clock import utc_now
    from retention.db.queries import actions as queries
    from retention.db.session import writing
    from retention.inbox import reply_tasks as replies
    from retention.people.actor import require_sight
    from retention.safeguards import preferences
    from retention.snapshots.people import people_of

    shop = ready()
    with writing(shop.engine) as session:
        action = queries.get(session, action_id)
        if who is not None:
            actor = actor_of(shop, who)
            require_sight(session, actor, f"action {action.id[:8]}", action.owner)
            approvals.note_viewing(session, action, actor)
        people = people_of(shop.folders.snapshots, {action.customer_id})
        found = details(action, people, validity(shop), utc_now(), shop.settings.timezone)
        if action.rendering is None or action.kind == "letter":
            found["outcomes"] = completing.outcomes_of(session, action, shop.policies)
        found["said"] = replies.shown_said(session, action.id)
        found["background"] = background_of(session, action)
        found["wants_a_call"] = preferences.wants_a_call(session, action.customer_id)
    if as_json:
        emit({"action": found})
    else:
        print_details(found)


_HEADS = ("person", "decisions", "refused", "not looked at", "in under 10 s", "in a row in 3 s",
          "seconds", "hours", "edited")  # fmt: skip


@app.command("stats")
def stats(*, as_json: AsJson = False) -> None:
    """Show how people decide: how long they look, how often they refuse."""
    from retention.actions.approval_statistics import how_people_decide
    from retention.db.session import reading

    shop = ready()
    with reading(shop.engine) as session:
        rows = how_people_decide(session, shop.settings.timezone)
    if as_json:
        emit({"people": rows})
        return
    print_table(
        "How people decide" if rows else "Nobody has decided anything.",
        _HEADS,
        [tuple(row.values()) for row in rows],
        right=range(1, 9),
    )
