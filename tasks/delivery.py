"""The steps of the delivery flow. Each message is claimed, sent and recorded in its own commits."""

from datetime import timedelta

from prefect import task
from prefect.cache_policies import NO_CACHE
from sqlalchemy.exc import OperationalError

from retention.clock import utc_now
from retention.db import schema
from retention.db.session import reading, writing
from retention.domain.errors import NotFoundError
from retention.domain.messages import AttemptStage, MessageState
from retention.domain.summaries import DeliverySummary
from retention.mail.transport import AttemptFailedError, Connection
from retention.services import canaries, delivery, outbox
from retention.services.delivery import Refusal
from retention.services.outbox import Claimed
from retention.workshop import Workshop, get_workshop

# The longest a conversation may take: six verbs and ten minutes after the final dot (RFC 5321).
_GRACE = timedelta(minutes=15)
_RECORD_TRIES = 10


class WithdrawnError(Exception):
    """The message must not leave after all; nothing was sent."""


@task(cache_policy=NO_CACHE)
def recover_lost() -> int:
    """Settle messages whose sending process died, and expire those that are too late."""
    shop, now = get_workshop(), utc_now()
    if not schema.exists(shop.engine):
        raise NotFoundError("the outbox", "no night has run yet", "Run 'retention run' first.")
    with writing(shop.engine) as session:
        outbox.expire_late(session, delivery.today(now, shop.settings.timezone))
        canaries.stop_bad_batches(session, now, shop.policies.canary)
        return outbox.recover(session, now)


@task(cache_policy=NO_CACHE)
def deliver_due(limit: int) -> DeliverySummary:
    """Send what is approved and due over one kept connection."""
    shop = get_workshop()
    with reading(shop.engine) as session:
        waiting = canaries.list_due(session, utc_now(), limit, shop.policies.canary)
    states: dict[str, int] = {}
    if not waiting or delivery.is_stopped(shop.settings.stop_file):
        return DeliverySummary({"stopped": len(waiting)} if waiting else {})
    with Connection(shop.mail) as connection:
        for message_id in waiting:
            if delivery.is_stopped(shop.settings.stop_file):
                break
            state = _deliver_one(shop, connection, message_id)
            states[state] = states.get(state, 0) + 1
    return DeliverySummary(dict(sorted(states.items())))


def _rules(shop: Workshop) -> delivery.Rules:
    valid = timedelta(hours=shop.policies.approvals.valid_hours)
    return delivery.Rules(shop.settings.timezone, valid)


def _deliver_one(shop: Workshop, connection: Connection, message_id: str) -> str:
    connection.ensure_open()  # before a message is claimed, so that a dead server leaves it queued
    lease = timedelta(seconds=shop.mail.timeout * len(AttemptStage)) + _GRACE
    with writing(shop.engine) as session:
        claimed = delivery.claim_checked(session, message_id, utc_now(), lease, _rules(shop))
    if claimed is None:
        return "taken"
    if isinstance(claimed, Refusal):
        return "stopped" if claimed.state is MessageState.QUEUED else claimed.state.value
    return _send(shop, connection, claimed)


def _send(shop: Workshop, connection: Connection, claimed: Claimed) -> str:
    def on_stage(stage: AttemptStage) -> None:
        if stage is AttemptStage.DOT:
            _pass_the_point_of_no_return(shop, claimed)
        elif delivery.is_stopped(shop.settings.stop_file):
            raise WithdrawnError("all sending was stopped")

    try:
        code, reply = connection.send(claimed.sender, claimed.recipient, claimed.raw, on_stage)
    except AttemptFailedError as error:
        return _record(shop, claimed, error.stage, error.code, error.text)
    except WithdrawnError as error:
        return _record(shop, claimed, AttemptStage.RCPT, None, str(error))
    return _record(shop, claimed, AttemptStage.REPLIED, code, reply)


def _pass_the_point_of_no_return(shop: Workshop, claimed: Claimed) -> None:
    """Ask once more and record the dot in one transaction: a night cannot slip in between."""
    if delivery.is_stopped(shop.settings.stop_file):
        raise WithdrawnError("all sending was stopped")
    with writing(shop.engine) as session:
        delivery.lock(session, claimed)
        refusal = delivery.check(session, claimed.message_id, utc_now(), _rules(shop))
        if refusal is not None:
            raise WithdrawnError(refusal.reason)
        if not outbox.record_stage(session, claimed, AttemptStage.DOT):
            raise WithdrawnError("the claim was lost")


def _record(
    shop: Workshop, claimed: Claimed, stage: AttemptStage, code: int | None, reply: str
) -> str:
    """Write the result down, however long others keep the database busy."""
    for tries_left in reversed(range(_RECORD_TRIES)):
        try:
            with writing(shop.engine) as session:
                state = delivery.record_result(
                    session, claimed, stage, code, reply, utc_now(), shop.settings.timezone
                )
        except OperationalError:
            if not tries_left:
                raise
        else:
            return state.value if state else "lost"
    raise AssertionError("unreachable")
