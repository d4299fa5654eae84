"""What `retention queue` shows of an action."""

from typing import TYPE_CHECKING, Any

from retention.terminal import emit, make_console, print_table

if TYPE_CHECKING:
    from datetime import datetime

    from retention.bootstrap import Workshop
    from retention.db.models import Action

SHORT = 8
"""How much of an id people see and type."""
_AGREEMENT = ("agreed", "agreed_at")


def waits_for(row: dict[str, Any]) -> str:
    """Return who has to act on an action, in words."""
    if row["waits_for"]:
        return ", ".join(role.replace("account_manager", "manager") for role in row["waits_for"])
    to_log = row["kind"] != "email" and row["state"] == "pending_approval"
    return f"{row['owner']} to log it" if to_log else "-"


def _needed(action: "Action", shop: "Workshop", now: "datetime") -> list[str]:
    from datetime import timedelta

    from retention.actions.approval import still_needed

    valid = timedelta(hours=shop.policies.approvals.valid_hours)
    return still_needed(action, now, valid) if action.rendering is not None else []


def summary(
    action: "Action", people: dict[str, dict[str, Any]], shop: "Workshop", now: "datetime"
) -> dict[str, Any]:
    """Return an action as a row of the queue."""
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
        "waits_for": _needed(action, shop, now),
        "subject": action.rendering.subject if action.rendering else None,
    }


def details(
    action: "Action", people: dict[str, dict[str, Any]], shop: "Workshop", now: "datetime"
) -> dict[str, Any]:
    """Return everything a person needs to decide on an action."""
    from retention.domain.forms import FORMS
    from retention.messages.content_hash import content_of

    message, form = action.rendering, FORMS.get(action.form or "")
    return summary(action, people, shop, now) | {
        "email": people.get(action.customer_id, {}).get("email"),
        "phone": people.get(action.customer_id, {}).get("phone"),
        "outcome": action.outcome,
        "note": action.note,
        "effective_on": action.effective_on,
        "answers": {k: v for k, v in (action.answers or {}).items() if k not in _AGREEMENT},
        "agreed_for": _agreed_for(action, shop.settings.timezone),
        "asks": form.fields if form else {},
        "snoozed_until": action.snoozed_until,
        "escalated_on": action.escalated_on,
        "offer": action.offer
        and {
            "kind": action.offer.kind,
            "version": action.offer.version,
            "state": action.offer.state,
            "current_fee": action.offer.current_fee,
            "new_fee": action.offer.new_fee,
            "detail": action.offer.detail,
            "expires_on": action.offer.expires_on,
            "counter_fee": action.offer.counter_fee,
        },
        "comments": [{"by": c.person_id, "text": c.text} for c in action.comments],
        "message": message
        and {
            "to": message.recipient,
            "subject": message.subject,
            "language": message.language,
            "text": message.text,
            "content_hash": content_of(action),
            "state": action.message.state if action.message else None,
        },
        "approvals": [
            {
                "by": a.person_id,
                "role": a.role,
                "for": a.on_behalf_of,
                "approved": a.approved,
                "reason": a.reason,
            }
            for a in action.approvals
        ],
        "receipt": action.receipt and {"reason": action.receipt.reason, **action.receipt.document},
    }


def _agreed_for(action: "Action", timezone: str) -> str | None:
    """Return when an agreed call will be, on the company's clock."""
    from datetime import datetime
    from zoneinfo import ZoneInfo

    at = (action.answers or {}).get("agreed_at")
    if at is None:
        return None
    return datetime.fromisoformat(at).astimezone(ZoneInfo(timezone)).strftime("%Y-%m-%d %H:%M %Z")


def print_details(shown: dict[str, Any]) -> None:
    """Print an action for a person."""
    from rich.panel import Panel
    from rich.text import Text

    console = make_console()
    what = shown["template"] or f"{shown['kind']} ({shown['form']})"
    console.print(f"[bold]{what}[/] for {shown['customer_id']} {shown['name']}", soft_wrap=True)
    console.print(
        f"{shown['playbook']}, stage {shown['stage']}; {shown['state']}, due "
        f"{shown['due_on']}; owner {shown['owner']}",
        soft_wrap=True,
    )
    if shown["message"]:
        message = shown["message"]
        head = f"To: {message['to']}\nSubject: {message['subject']}\n\n"
        console.print(Panel(Text(head + message["text"]), title="The message", width=84))
        console.print(f"content hash {message['content_hash']}", soft_wrap=True)
    else:
        reach = " ".join(filter(None, (shown["email"], shown["phone"]))) or "nothing known"
        console.print(f"Reach: {reach}.")
    if shown.get("outcomes"):
        console.print(f"Outcomes: {', '.join(shown['outcomes'])}.")
        for name, question in shown["asks"].items():
            console.print(f"  --answer {name}=...  {question}", soft_wrap=True)
    _print_answers(shown)
    if shown["offer"]:
        offer = shown["offer"]
        console.print(
            f"Offer {offer['version']} ({offer['kind']}, {offer['state']}): "
            f"{offer['current_fee']} -> {offer['new_fee'] or offer['detail'] or 'unchanged'}, "
            f"until {offer['expires_on']}"
        )
    if shown["receipt"]:
        wanted = {"entry", "leave", f"unless:{shown['stage']}"}
        conditions = [c for c in shown["receipt"]["conditions"] if c["name"] in wanted]
        rows = [(c["name"], c["when"], _known(c["value"])) for c in conditions]
        print_table("Conditions on that night", ("condition", "when", "held"), rows)
        console.print(f"The sums behind it: retention explain {shown['customer_id']}")
    for approval in shown["approvals"]:
        verb = "approved" if approval["approved"] else f"rejected ({approval['reason']})"
        instead = f" for {approval['for']}" if approval["for"] else ""
        console.print(f"{approval['by']} {verb} as {approval['role']}{instead}")
    for comment in shown["comments"]:
        console.print(f"{comment['by']}: {comment['text']}", markup=False, soft_wrap=True)
    if shown["outcome"]:
        console.print(f"Outcome: {shown['outcome']}. {shown['note'] or ''}")
    if shown["waits_for"]:
        console.print(f"Waits for: {', '.join(shown['waits_for'])}")
    _print_said(shown.get("said", []))


def _print_answers(shown: dict[str, Any]) -> None:
    """Print what is known by now: when a call will be, and what the form was answered with."""
    if shown["agreed_for"]:
        make_console().print(f"Agreed for {shown['agreed_for']}.")
    for name, text in shown["answers"].items():
        make_console().print(f"{name}: {text}", markup=False, soft_wrap=True)


def _print_said(letters: list[dict[str, Any]]) -> None:
    """Print what a customer wrote; nothing in it may steer the terminal."""
    for letter in letters:
        words = f"{letter['subject']}\n{letter['text']}"
        safe = "".join(c if c.isprintable() or c == "\n" else "·" for c in words)
        make_console().print(f"\nThe customer wrote on {letter['on'][:10]}:\n{safe}", markup=False)


def _known(value: bool | None) -> str:
    return "not known" if value is None else "yes" if value else "no"


def decided(action: "Action", shop: "Workshop", now: "datetime") -> dict[str, Any]:
    """Return what a decision has led to."""
    waiting = action.state == "pending_approval"
    waits = _needed(action, shop, now) if waiting else []
    return {"id": action.id, "state": action.state, "owner": action.owner, "waits_for": waits}


def report(done: list[dict[str, Any]], *, as_json: bool) -> None:
    """Print what decisions have led to."""
    if as_json:
        emit({"decided": done})
        return
    for row in done:
        waits = f", still waits for {', '.join(row['waits_for'])}" if row["waits_for"] else ""
        make_console().print(f"{row['id'][:SHORT]} is {row['state']}{waits}.")
