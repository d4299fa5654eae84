"""`retention deliver`: send what people have approved and is due."""

from typing import Annotated

import typer

from retention.cli.acting import ready
from retention.terminal import AsJson, emit, make_console, print_table

Limit = Annotated[int, typer.Option(min=1, max=10_000, help="How many messages at most.")]


def deliver(limit: Limit = 500, *, as_json: AsJson = False) -> None:
    """Send what people have approved and is due."""
    ready()
    with make_console(stderr=True).status("Delivering ..."):
        from retention.environment import keep_prefect_quiet

        keep_prefect_quiet()
        from flows.deliver import deliver as deliver_flow
        from flows.parameters import DeliverParameters

        summary = deliver_flow(DeliverParameters(limit=limit))
    if as_json:
        emit({"delivery": {"total": summary.total, "states": summary.states,
                           "waiting": summary.waiting}})  # fmt: skip
    elif summary.total:
        print_table("Delivery", ("state", "messages"), summary.states.items(), right=(1,))
    elif not summary.waiting:
        make_console().print("Nothing is approved and due; see 'retention queue list'.")
    if summary.waiting and not as_json:
        print_table("Waiting", ("for", "messages"), summary.waiting.items(), right=(1,))
    if "stopped" in summary.states:
        _say_what_stopped()
    if set(summary.states) - {"sent"}:
        raise typer.Exit(3)


def _say_what_stopped() -> None:
    from retention.bootstrap import get_application
    from retention.db.session import reading
    from retention.safeguards import kill_switch as switches
    from retention.safeguards.stop_file import is_stopped

    shop = get_application()
    console = make_console(stderr=True)
    if is_stopped(shop.settings.stop_file):
        console.print(f"Sending is stopped. Remove {shop.settings.stop_file}.", soft_wrap=True)
    with reading(shop.engine) as session:
        for scope, reason in sorted(switches.stopped(session).items()):
            console.print(
                f"'{scope}' is stopped: {reason}. 'retention ops start {scope}' starts it.",
                soft_wrap=True,
            )
