"""`retention queue approve`, `reject`, `take-back`, `edit` and the rest: a person's decision."""

from typing import Annotated

import typer

from retention.cli.acting import Reason, Who, answers_of, choice
from retention.cli.queue import ActionId, app
from retention.cli.queue_printing import deciding
from retention.terminal import AsJson, parse_day

ActionIds = Annotated[list[str], typer.Argument(help="Ids of actions, or their first characters.")]
Code = Annotated[str, typer.Option(help="Why, as a code; for example wrong_time.")]


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
    from retention.actions import bulk_approval

    with deciding(who, as_json=as_json) as (_, actor, session, told):
        if len(action_ids) > 1:
            found = bulk_approval.approve_all(session, action_ids, actor)
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


@app.command("take-back")
def take_back(action_id: ActionId, who: Who, *, as_json: AsJson = False) -> None:
    """Withdraw your own approval while nothing has left; it waits for a decision again."""
    from retention.actions import taking_back

    with deciding(who, as_json=as_json) as (_, actor, session, told):
        told.append(taking_back.take_back(session, action_id, actor))


@app.command("edit")
def edit(
    action_id: ActionId,
    who: Who,
    part: Annotated[list[str], typer.Option(help="NAME=TEXT, as Markdown; can be repeated.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Write the free parts of a message anew; somebody else has to approve it then."""
    from retention.actions import message_edit

    with deciding(who, as_json=as_json) as (shop, actor, session, told):
        told.append(
            message_edit.edit(
                session, action_id, actor, answers_of(part), shop.sender, shop.folders
            )
        )


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
