"""`retention batch`, `waiver`, `ops` and `team`: what people decide about the programme itself."""

from typing import Any

import typer

from retention.cli.acting import Id, Reason, Who, acting, ready, say
from retention.terminal import AsJson, emit, print_table

batches_app = typer.Typer(help="What a night held back: list, release, refuse.",
                          no_args_is_help=True)  # fmt: skip


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
    from retention.ladder import held_batches as batches

    with acting(who) as (_, actor, session):
        batch = batches.get(session, batch_id)
        batches.release(session, batch, actor.person, reason, actor.now)
        state = str(batch.state)
    text = "The next night lets it through." if state == "released" else "A second person must."
    say({"batch": batch.id, "state": state}, f"{batch.id[:8]} is {state}. {text}", as_json=as_json)


@batches_app.command("refuse")
def refuse_batch(batch_id: Id, who: Who, reason: Reason, *, as_json: AsJson = False) -> None:
    """Refuse a batch; the next night decides anew."""
    from retention.ladder import held_batches as batches

    with acting(who) as (_, actor, session):
        batch = batches.get(session, batch_id)
        batches.turn_down(session, batch, actor.person, reason, actor.now)
    say({"batch": batch.id, "state": "refused"}, f"{batch.id[:8]} is refused.", as_json=as_json)
