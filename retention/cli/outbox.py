"""`retention outbox`: what leaves, what waits and why, and what people do about it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from retention.cli.acting import Reason, Who, acting, choice, looking, say
from retention.terminal import AsJson, emit, make_console, print_table

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from retention.db.models.work.actions import Action
    from retention.db.models.work.messages import Message
    from retention.reader import Reader

app = typer.Typer(help="Messages on their way: list, show, settle, retry, hold, release, cancel.",
                  no_args_is_help=True)  # fmt: skip

MessageId = Annotated[
    str, typer.Argument(help="The message's or action's id, or its first six characters.")
]
_SHORT = 8
_STAGES = ("claimed", "connected", "mail", "rcpt", "data", "dot", "replied")


@app.command("list")
def list_(
    state: Annotated[str | None, typer.Option(help="Only this state, for example unknown.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 50,
    *,
    as_json: AsJson = False,
) -> None:
    """List what is not settled: what waits and for what, what is being sent, what is unknown."""
    from retention.db.queries import messages
    from retention.db.session import reading
    from retention.delivery import circuit_breaker as health
    from retention.domain.messages import MessageState

    reader = looking()
    with reading(reader.engine) as session:
        found = messages.list_messages(session, choice(MessageState, state), limit)
        reasons = _reasons(session, reader, [message for message, _ in found])
        rows = [_row(message, action, reasons.get(message.id, [])) for message, action in found]
        stopped = health.why_stopped(session)
    if as_json:
        emit({"messages": rows, "mail_stopped": stopped})
        return
    if stopped:
        make_console().print(
            f"[bold red]All e-mail is stopped:[/] {stopped}. When it is mended: "
            "retention ops start mail --as YOU --reason ...",
            soft_wrap=True,
        )
    print_table(
        "Outbox" if rows else "Nothing waits in the outbox.",
        ("id", "customer", "template", "state", "waits for", "not before", "tries", "last reply"),
        [(r["id"][:_SHORT], r["customer_id"], r["template"], r["state"], "; ".join(r["reasons"]),
          r["not_before"][:16], r["attempts"], r["last_reply"]) for r in rows],
        right=(6,),
        most=limit,
    )  # fmt: skip


def _reasons(
    session: "Session", reader: "Reader", messages: "list[Message]"
) -> dict[str, list[str]]:
    """Return everything that keeps each message; nothing is read when none waits."""
    from retention.domain.messages import CLAIMABLE_STATES

    if not any(message.state in CLAIMABLE_STATES for message in messages):
        return {}
    from retention.actions.leaving_times import openings
    from retention.clock import utc_now
    from retention.delivery.last_check import Rules
    from retention.delivery.waiting_reasons import reasons_of

    zone, sending = reader.settings.timezone, reader.sending
    rules = Rules(
        zone,
        reader.approvals_valid,
        reader.team,
        opens_at=openings(reader.calendars, sending.hours, zone),
        fresh_days=sending.newest_night,
        at_once=sending.dead_at_once,
    )
    return reasons_of(session, messages, utc_now(), rules, sending)


def _row(message: "Message", action: "Action", reasons: list[str]) -> dict[str, Any]:
    reply = " ".join(str(part) for part in (message.last_code, message.last_text) if part)
    return {
        "id": message.id,
        "action_id": action.id,
        "customer_id": action.customer_id,
        "template": action.template,
        "state": message.state,
        "policy": message.policy,
        "waiting_for": f"held by {message.held_by}" if message.held_by else message.waiting_for,
        "reasons": reasons,
        "not_before": message.not_before.isoformat(),
        "send_until": message.send_until.isoformat(),
        "attempts": message.attempts,
        "last_reply": reply or None,
    }


def _as_it_left(reader: "Reader", message: "Message", action: "Action") -> bytes:
    """Return the bytes of the newest attempt; of one that has not left, as of now."""
    from retention.clock import utc_now
    from retention.domain.errors import NotFoundError
    from retention.messages.leaving import as_leaving

    rendering, settings = action.rendering, reader.settings
    if rendering is None or not rendering.raw:
        raise NotFoundError(
            f"message {message.id[:_SHORT]}",
            "has no words any more: its customer was erased",
            "Its dates and states are kept: leave out --eml.",
        )
    at = message.tried[-1].started_at if message.tried else utc_now()
    return as_leaving(
        rendering.raw,
        rendering.letter,
        at,
        settings.timezone,
        settings.templates_dir,
        reader.brand.logo,
    )


@app.command("show")
def show(
    message_id: MessageId,
    eml: Annotated[Path | None, typer.Option(help="Write it there as it left, to open it.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Show one message and every attempt to send it."""
    from retention.db.queries import messages
    from retention.db.session import reading

    reader = looking()
    with reading(reader.engine) as session:
        message, action = messages.get(session, message_id)
        row = _row(message, action, _reasons(session, reader, [message]).get(message.id, []))
        row["subject"] = action.rendering.subject if action.rendering else None
        row["sent_at"] = message.sent_at and message.sent_at.isoformat()
        row["tried"] = [
            {
                "number": attempt.number,
                "started_at": attempt.started_at.isoformat(),
                "ended_at": attempt.ended_at and attempt.ended_at.isoformat(),
                "stage": _STAGES[attempt.stage],
                "code": attempt.code,
                "reply": attempt.reply,
            }
            for attempt in message.tried
        ]
        if eml is not None:
            eml.write_bytes(_as_it_left(reader, message, action))
    if as_json:
        emit({"message": row})
        return
    console = make_console()
    console.print(f"[bold]{row['subject']}[/]  ({row['id']})", soft_wrap=True)
    if row["reasons"]:
        console.print(f"waits for: {'; '.join(row['reasons'])}", soft_wrap=True, markup=False)
    for name in ("customer_id", "state", "policy", "not_before", "send_until", "sent_at"):
        if row[name]:
            console.print(f"{name.replace('_', ' ')}: {row[name]}")
    print_table(
        "Attempts" if row["tried"] else "It was not tried yet.",
        ("number", "started", "reached", "code", "reply"),
        [(t["number"], t["started_at"][:19], t["stage"], t["code"], t["reply"])
         for t in row["tried"]],
    )  # fmt: skip


@app.command("settle")
def settle(
    message_id: MessageId,
    who: Who,
    outcome: Annotated[str, typer.Option(help="sent or not_sent: what you have found out.")],
    reason: Reason,
    *,
    as_json: AsJson = False,
) -> None:
    """Say what became of a message whose fate is unknown, and how you know."""
    from retention.delivery import settle_by_hand as settling

    fate = choice(settling.Fate, outcome)
    with acting(who) as (shop, actor, session):
        zone = shop.settings.timezone
        found = settling.settle(session, message_id, actor, fate, reason=reason, timezone=zone)
    _say(found, as_json=as_json)


@app.command("retry")
def retry(message_id: MessageId, who: Who, reason: Reason, *, as_json: AsJson = False) -> None:
    """Let a message that waits to be tried again go at the next round."""
    from retention.delivery import settle_by_hand as settling

    with acting(who) as (_, actor, session):
        found = settling.retry(session, message_id, actor, reason=reason)
    _say(found, as_json=as_json)


@app.command("end-links")
def end_links(message_id: MessageId, who: Who, reason: Reason, *, as_json: AsJson = False) -> None:
    """End the links of a message that came into wrong hands; its customer needs a new message."""
    from retention.delivery import end_links as ending

    with acting(who) as (_, actor, session):
        ended = ending.end_links(session, message_id, actor, reason=reason)
    say({"ended": ended}, f"{ended} links are ended.", as_json=as_json)


@app.command("hold")
def hold(message_id: MessageId, who: Who, reason: Reason, *, as_json: AsJson = False) -> None:
    """Keep one message from leaving until it is released."""
    from retention.delivery import settle_by_hand as settling

    with acting(who) as (_, actor, session):
        found = settling.hold(session, message_id, actor, reason=reason)
    _say(found, as_json=as_json)


@app.command("release")
def release(message_id: MessageId, who: Who, *, as_json: AsJson = False) -> None:
    """Let a held message leave."""
    from retention.delivery import settle_by_hand as settling

    with acting(who) as (_, actor, session):
        found = settling.release(session, message_id, actor)
    _say(found, as_json=as_json)


@app.command("cancel")
def cancel(message_id: MessageId, who: Who, reason: Reason, *, as_json: AsJson = False) -> None:
    """Take an approved message back that has not left; its step is proposed anew later."""
    from retention.actions import approval as approvals
    from retention.db.queries import messages
    from retention.domain.approving import ReasonCode

    with acting(who) as (_, actor, session):
        message, action = messages.get(session, message_id)
        approvals.reject(session, action.id, actor, code=ReasonCode.OTHER, reason=reason)
        session.refresh(message)
    _say(message, as_json=as_json)


def _say(message: "Message", *, as_json: bool) -> None:
    done = {"message": message.id, "state": message.state, "held_by": message.held_by}
    held = f", held by {message.held_by}" if message.held_by else ""
    say(done, f"{message.id[:_SHORT]} is {message.state}{held}.", as_json=as_json)
