"""`retention queue`: what waits for a person, and the person's decision."""

from typing import Annotated

import typer

from retention.cli.acting import Reason, Who, actor_of, answers_of, choice, looking, ready, validity
from retention.cli.queue_printing import SHORT, deciding, print_details, waits_for
from retention.terminal import AsJson, emit, parse_day, print_table

app = typer.Typer(help="What waits for a person: list, show, approve, reject, complete, hand on.",
                  no_args_is_help=True)  # fmt: skip

ActionId = Annotated[str, typer.Argument(help="The action's id, or its first six characters.")]
ActionIds = Annotated[list[str], typer.Argument(help="Ids of actions, or their first characters.")]
Code = Annotated[str, typer.Option(help="Why, as a code; for example wrong_time.")]


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
    from retention.snapshots.customers import people_of

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
        rows = [summary(action, people, reader.approvals_valid, now) for action in found]
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
def show(
    action_id: ActionId,
    who: Annotated[
        str | None, typer.Option("--as", metavar="PERSON", help="Your id: your time counts.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show the very message, and why it is proposed."""
    from retention.actions import approval as approvals
    from retention.actions import completion as completing
    from retention.actions.background import background_of
    from retention.actions.views import details
    from retention.clock import utc_now
    from retention.db.queries import actions as queries
    from retention.db.session import writing
    from retention.inbox import reply_tasks as replies
    from retention.snapshots.customers import people_of

    shop = ready()
    with writing(shop.engine) as session:
        action = queries.get(session, action_id)
        people = people_of(shop.folders.snapshots, {action.customer_id})
        found = details(action, people, validity(shop), utc_now(), shop.settings.timezone)
        if action.rendering is None or action.kind == "letter":
            found["outcomes"] = completing.outcomes_of(session, action, shop.policies)
        found["said"] = replies.shown_said(session, action.id)
        found["background"] = background_of(session, action)
        if who is not None:
            approvals.note_viewing(session, action, actor_of(shop, who))
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
    """Approve messages in your role. The last needed approval lets a message go.

    Several at once only after one of each kind was shown to you, and never adverse ones.
    """
    from retention.actions import approval as approvals

    with deciding(who, as_json=as_json) as (_, actor, session, told):
        if len(action_ids) > 1:
            found = approvals.approve_all(session, action_ids, actor)
        else:
            found = [approvals.approve(session, action_ids[0], actor, seen=seen)]
        told.extend(found)


@app.command("reject")
def reject(
    action_id: ActionId,
    who: Who,
    reason: Reason,
    code: Code = "other",
    *,
    as_json: AsJson = False,
) -> None:
    """Reject an action. The reason is required."""
    from retention.actions import approval as approvals
    from retention.domain.approving import ReasonCode

    with deciding(who, as_json=as_json) as (_, actor, session, told):
        action = approvals.reject(
            session, action_id, actor, code=choice(ReasonCode, code), reason=reason
        )
        told.append(action)


@app.command("milder")
def milder(
    action_id: ActionId,
    who: Who,
    to: Annotated[str, typer.Option(help="The milder stage to go back to, for example educate.")],
    reason: Reason,
    code: Code = "too_hard",
    *,
    as_json: AsJson = False,
) -> None:
    """Reject an action and send its case back to a milder stage."""
    from retention.actions import approval as approvals
    from retention.domain.approving import ReasonCode
    from retention.domain.stages import Stage

    with deciding(who, as_json=as_json) as (_, actor, session, told):
        action = approvals.choose_milder(
            session, action_id, actor, choice(Stage, to),
            code=choice(ReasonCode, code), reason=reason,
        )  # fmt: skip
        told.append(action)


@app.command("complete")
def complete(
    action_id: ActionId,
    who: Who,
    outcome: Annotated[str, typer.Option(help="What came of the call, letter or review.")],
    note: Annotated[str, typer.Option(help="In your own words.")] = "",
    answer: Annotated[
        list[str] | None, typer.Option(help="What the form asks: NAME=TEXT; can be repeated.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Log what came of a call, a letter or a review."""
    from retention.actions import completion as completing

    with deciding(who, as_json=as_json) as (_, actor, session, told):
        action = completing.complete(
            session, action_id, actor, outcome=outcome, note=note, answers=answers_of(answer)
        )
        told.append(action)


@app.command("reassign")
def reassign(
    action_id: ActionId,
    who: Who,
    to: Annotated[str, typer.Option(help="Id of the new owner.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Give an action to another owner."""
    from retention.actions import assignment as handling

    with deciding(who, as_json=as_json) as (shop, actor, session, told):
        told.append(handling.reassign(session, action_id, actor, shop.policies.team.get(to)))


@app.command("snooze")
def snooze(
    action_id: ActionId,
    who: Who,
    until: Annotated[str, typer.Option(metavar="YYYY-MM-DD", help="The day it comes back.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Hide an action until a day; its due date stays."""
    from retention.actions import assignment as handling

    with deciding(who, as_json=as_json) as (_, actor, session, told):
        told.append(handling.snooze(session, action_id, actor, parse_day(until)))


@app.command("comment")
def comment(
    action_id: ActionId,
    who: Who,
    text: Annotated[str, typer.Option(help="What you want to say.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Say something about an action; everybody who looks at it sees it."""
    from retention.actions import assignment as handling

    with deciding(who, as_json=as_json) as (_, actor, session, told):
        told.append(handling.comment(session, action_id, actor, text))


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
        ("person", "decisions", "refused", "not looked at", "in under 10 s", "seconds", "hours"),
        [tuple(row.values()) for row in rows],
        right=range(1, 7),
    )
