"""What `retention queue` shows of an action."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from retention.cli.acting import acting, validity
from retention.terminal import emit, make_console, print_table

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from retention.bootstrap import Application
    from retention.db.models.work.actions import Action
    from retention.people.actor import Actor

SHORT = 8
"""How much of an id people see and type."""


@contextmanager
def deciding(
    who: str, *, as_json: bool
) -> Iterator[tuple["Application", "Actor", "Session", list["Action"]]]:
    """Decide about actions as a person; those that the block puts into the list are reported.

    They are reported when the transaction is kept, not before.
    """
    from retention.actions.views import decided

    with acting(who) as (shop, actor, session):
        told: list[Action] = []
        yield shop, actor, session, told
        done = [decided(session, action, actor, validity(shop)) for action in told]
    _report(done, as_json=as_json)


def waits_for(row: dict[str, Any]) -> str:
    """Return who has to act on an action, in words."""
    if row["waits_for"]:
        return ", ".join(role.replace("account_manager", "manager") for role in row["waits_for"])
    to_log = row["kind"] != "email" and row["state"] == "pending_approval"
    return f"{row['owner']} to log it" if to_log else "-"


def _print_message(shown: dict[str, Any]) -> None:
    """Print the very message, or how the customer is reached."""
    from rich.panel import Panel
    from rich.text import Text

    console = make_console()
    if shown["message"]:
        message = shown["message"]
        head = f"To: {message['to']}\nSubject: {message['subject']}\n\n"
        console.print(Panel(Text(head + message["text"]), title="The message", width=84))
        console.print(f"content hash {message['content_hash']}", soft_wrap=True)
    else:
        console.print(_reach(shown), soft_wrap=True)


def _reach(shown: dict[str, Any]) -> str:
    """Say how a customer is reached; a call needs a number."""
    known = " ".join(filter(None, (shown["email"], shown["phone"])))
    if shown["kind"] != "call" or shown["phone"]:
        return f"Reach: {known or 'nothing known'}."
    if shown["email"]:
        return f"No telephone number is known. Write to {shown['email']} and ask for one."
    return "No telephone number is known, and no address: ask whoever knows them, or the contract."


def print_details(shown: dict[str, Any]) -> None:
    """Print an action for a person."""
    console = make_console()
    what = shown["template"] or f"{shown['kind']} ({shown['form']})"
    console.print(f"[bold]{what}[/] for {shown['customer_id']} {shown['name']}", soft_wrap=True)
    console.print(
        f"{shown['playbook']}, stage {shown['stage']}; {shown['state']}, due "
        f"{shown['due_on']}; owner {shown['owner']}",
        soft_wrap=True,
    )
    for line in shown.get("background", ()):
        console.print(line, soft_wrap=True, markup=False)
    _print_message(shown)
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
    _print_said(shown)


def _print_answers(shown: dict[str, Any]) -> None:
    """Print what is known by now: when a call will be, and what the form was answered with."""
    if shown["agreed_for"]:
        make_console().print(f"Agreed for {shown['agreed_for']}.")
    for name, text in shown["answers"].items():
        make_console().print(f"{name}: {text}", markup=False, soft_wrap=True)


def _print_said(shown: dict[str, Any]) -> None:
    """Print what a customer wants and wrote; nothing in it may steer the terminal."""
    if shown.get("wants_a_call"):
        make_console().print("They would rather be called than written to.")
    for reply in shown.get("said", []):
        console = make_console()
        console.print(f"\nThe customer wrote on {reply['on'][:10]}:", markup=False)
        if reply["gone"]:
            instead = f" Write to {_safe(reply['instead'])} instead." if reply["instead"] else ""
            console.print(f"Their contact is there no more.{instead}", markup=False, style="bold")
        if reply["unread"]:
            console.print("It could not be read here; look at it in the mailbox.", markup=False)
        if reply["protects"]:
            listed = ", ".join(_safe(word) for word in reply["protects"])
            console.print(f"Words that protect: {listed}", markup=False, style="bold")
        console.print(_safe(reply["subject"] or ""), markup=False)
        for part in reply["parts"]:
            if part["quoted"]:
                lines = part["text"].count("\n") + 1
                console.print(f"[… {lines} quoted lines; all of them: --json]", markup=False)
            else:
                console.print(_safe(part["text"]), markup=False, soft_wrap=True)


def _safe(words: str) -> str:
    return "".join(c if c.isprintable() or c == "\n" else "·" for c in words)


def _known(value: bool | None) -> str:
    return "not known" if value is None else "yes" if value else "no"


def _report(done: list[dict[str, Any]], *, as_json: bool) -> None:
    """Print what decisions have led to."""
    if as_json:
        emit({"decided": done})
        return
    for row in done:
        waits = f", still waits for {', '.join(row['waits_for'])}" if row["waits_for"] else ""
        make_console().print(f"{row['id'][:SHORT]} is {row['state']}{waits}.{leaving(row)}",
                             soft_wrap=True)  # fmt: skip


def leaving(row: dict[str, Any]) -> str:
    """Say when an approved e-mail may leave, and until when."""
    if row["leaves_at"] is None:
        return ""
    at = datetime.fromisoformat(row["leaves_at"])
    last = date.fromisoformat(row["last_day"])
    return (
        f" It can leave on {at:%A} {at.day} {at:%B %H:%M} at the earliest; its last day is "
        f"{last.day} {last:%B}."
    )
