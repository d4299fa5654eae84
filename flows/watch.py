"""The watch: every few minutes, is all as it should be?"""

from prefect import flow

from tasks.watch import start_again_what_never_began, take_up_dead_nights, tell_ops


@flow(name="watch", timeout_seconds=600)
def watch() -> dict[str, int]:
    """Start again what was killed, and tell ops what is wrong, each thing once."""
    again = start_again_what_never_began() + take_up_dead_nights()
    return {"taken_up": len(again), "mails": tell_ops()}
