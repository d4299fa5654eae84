"""`retention queue`: what waits for a person, and the person's decision."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from retention.cli.output import AsJson, emit, make_console, print_table

if TYPE_CHECKING:
    from retention.db.models import Action
    from retention.workshop import Workshop

app = typer.Typer(help="What waits for a person: list, show, approve, reject, complete.",
                  no_args_is_help=True)  # fmt: skip

ActionId = Annotated[str, typer.Argument(help="The action's id, or its first six characters.")]
ActionIds = Annotated[list[str], typer.Argument(help="Ids of actions, or their first characters.")]
Who = Annotated[str, typer.Option("--as", metavar="PERSON", help="Your id in config/team.yaml.")]
_SHORT = 8


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
        rows = [_summary(action, people) for action in found]
    if as_json:
        emit({"actions": rows})
        return
    print_table(
        "Waiting" if rows else "Nothing waits.",
        ("id", "customer", "name", "what", "state", "waits for", "due"),
        [
            (
                row["id"][:_SHORT],
                row["customer_id"],
                row["name"],
                row["template"] or f"{row['kind']}: {row['form']}",
                row["state"].removesuffix("_approval"),
                _waits_for(row),
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
        details = _details(action, people)
        if action.rendering is None:
            details["outcomes"] = outcomes_of(session, action, shop.policies)
    if as_json:
        emit({"action": details})
    else:
        _print_details(details)


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
                done.append(_decided(action, approvals.still_needed(action)))
        except RetentionError as error:
            if len(action_ids) == 1:
                raise
            done.append({"id": action_id, "state": f"not approved: {error}", "waits_for": []})
    _report(done, as_json=as_json)
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
    _report([_decided(action, [])], as_json=as_json)


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
    _report([_decided(action, [])], as_json=as_json)


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


def _waits_for(row: dict[str, Any]) -> str:
    if row["waits_for"]:
        return ", ".join(role.replace("account_manager", "manager") for role in row["waits_for"])
    to_log = row["kind"] != "email" and row["state"] == "pending_approval"
    return f"{row['owner']} to log it" if to_log else "-"


def _summary(action: "Action", people: dict[str, dict[str, Any]]) -> dict[str, Any]:
    from retention.services.approvals import still_needed

    return {
        "id": action.id,
        "customer_id": action.customer_id,
        "name": people.get(action.customer_id, {}).get("name"),
        "playbook": action.case.playbook,
        "stage": action.stage,
        "kind": action.kind,
        "template": action.template,
        "form": action.form,
        "state": action.state,
        "owner": action.owner,
        "proposed_on": action.proposed_on.isoformat(),
        "due_on": action.due_on.isoformat(),
        "waits_for": [role.value for role in still_needed(action)],
        "subject": action.rendering.subject if action.rendering else None,
    }


def _details(action: "Action", people: dict[str, dict[str, Any]]) -> dict[str, Any]:
    message = action.rendering
    return _summary(action, people) | {
        "email": people.get(action.customer_id, {}).get("email"),
        "phone": people.get(action.customer_id, {}).get("phone"),
        "outcome": action.outcome,
        "note": action.note,
        "effective_on": action.effective_on,
        "message": message
        and {
            "to": message.recipient,
            "subject": message.subject,
            "language": message.language,
            "text": message.text,
            "content_hash": message.content_hash,
            "state": action.message.state if action.message else None,
        },
        "approvals": [
            {"by": a.person_id, "role": a.role, "approved": a.approved, "reason": a.reason}
            for a in action.approvals
        ],
        "receipt": action.receipt and {"reason": action.receipt.reason, **action.receipt.document},
    }


def _print_details(details: dict[str, Any]) -> None:
    from rich.panel import Panel
    from rich.text import Text

    console = make_console()
    what = details["template"] or f"{details['kind']} ({details['form']})"
    console.print(f"[bold]{what}[/] for {details['customer_id']} {details['name']}", soft_wrap=True)
    console.print(
        f"{details['playbook']}, stage {details['stage']}; {details['state']}, due "
        f"{details['due_on']}; owner {details['owner']}",
        soft_wrap=True,
    )
    if details["message"]:
        message = details["message"]
        head = f"To: {message['to']}\nSubject: {message['subject']}\n\n"
        console.print(Panel(Text(head + message["text"]), title="The message", width=84))
        console.print(f"content hash {message['content_hash']}", soft_wrap=True)
    else:
        reach = " ".join(filter(None, (details["email"], details["phone"]))) or "nothing known"
        console.print(f"Reach: {reach}. Outcomes: {', '.join(details['outcomes'])}.")
    if details["receipt"]:
        wanted = {"entry", "leave", f"unless:{details['stage']}"}
        conditions = [c for c in details["receipt"]["conditions"] if c["name"] in wanted]
        rows = [(c["name"], c["when"], _known(c["value"])) for c in conditions]
        print_table("Conditions on that night", ("condition", "when", "held"), rows)
        console.print(f"The sums behind it: retention explain {details['customer_id']}")
    for approval in details["approvals"]:
        verb = "approved" if approval["approved"] else f"rejected ({approval['reason']})"
        console.print(f"{approval['by']} {verb} as {approval['role']}")
    if details["outcome"]:
        console.print(f"Outcome: {details['outcome']}. {details['note'] or ''}")
    if details["waits_for"]:
        console.print(f"Waits for: {', '.join(details['waits_for'])}")


def _known(value: bool | None) -> str:
    return "not known" if value is None else "yes" if value else "no"


def _decided(action: "Action", needed: list[Any]) -> dict[str, Any]:
    return {"id": action.id, "state": action.state, "waits_for": [str(role) for role in needed]}


def _report(done: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        emit({"decided": done})
        return
    for row in done:
        waits = f", still waits for {', '.join(row['waits_for'])}" if row["waits_for"] else ""
        make_console().print(f"{row['id'][:_SHORT]} is {row['state']}{waits}.")
