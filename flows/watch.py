"""The watch: every few minutes, is all as it should be?"""

from prefect import flow

from tasks.watch import take_up_dead_nights, tell_ops


@flow(name="watch", timeout_seconds=600)
def watch() -> dict[str, int]:
    """Take killed nights up again, and tell ops what is wrong, each thing once."""
    taken_up = take_up_dead_nights()
    return {"taken_up": len(taken_up), "mails": tell_ops()}
