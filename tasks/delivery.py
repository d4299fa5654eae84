"""The steps of the delivery flow. Each message is claimed, sent and recorded in its own commits."""

from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from typing import Any, Self

from prefect import task
from prefect.cache_policies import NO_CACHE
from sqlalchemy.exc import DBAPIError, OperationalError

from retention.bootstrap import Workshop, get_workshop
from retention.clock import utc_now
from retention.db import schema
from retention.db.session import reading, writing
from retention.delivery import attempts, canaries
from retention.delivery import circuit_breaker as health
from retention.delivery import claim as delivery
from retention.delivery import recheck_sources as freshness
from retention.delivery import selection as rounds
from retention.delivery.attempts import Claimed, Ending
from retention.delivery.ledger import Ledger
from retention.delivery.pacing import Pacer
from retention.delivery.smtp import AttemptFailedError, Connection
from retention.domain.dates import date_in
from retention.domain.errors import NotFoundError
from retention.domain.messages import AttemptStage, MessageState, Verdict
from retention.domain.summaries import DeliverySummary
from retention.messages import outbox

_CHUNK_PER_LINE = 25
_TRIES = 3


class WithdrawnError(Exception):
    """The message must not leave after all; nothing was sent."""


@task(cache_policy=NO_CACHE)
def recover_lost() -> int:
    """Settle messages whose sending process died, and expire those that are too late."""
    shop, now = get_workshop(), utc_now()
    if not schema.exists(shop.engine):
        raise NotFoundError("the outbox", "no night has run yet", "Run 'retention run' first.")
    with writing(shop.engine) as session:
        outbox.expire_late(session, date_in(now, shop.settings.timezone))
        canaries.stop_bad_batches(session, now, shop.policies.canary)
        return attempts.recover(session, now)


@task(cache_policy=NO_CACHE)
def deliver_due(limit: int) -> DeliverySummary:
    """Send what is approved, due and within the recipients' hours, over kept connections."""
    shop, now = get_workshop(), utc_now()
    with writing(shop.engine) as session:
        found = rounds.gather(session, now, limit, shop.policies, shop.settings.timezone)
        health.stop_when_failing(session, now, shop.policies.sending.errors)
        stopped = health.why_stopped(session)
    if stopped or delivery.is_stopped(shop.settings.stop_file):
        return DeliverySummary({"stopped": len(found.ids)} if found.ids else {}, found.waiting)
    ids, kept = _without_changed(shop, found.ids)
    with PostOffice(shop) as office:
        states = office.send_all(ids)
    states.update(kept)
    return DeliverySummary({state: n for state, n in sorted(states.items()) if n}, found.waiting)


def _without_changed(shop: Workshop, ids: list[str]) -> tuple[list[str], Counter[str]]:
    """Leave out what the company's own data speaks against by now; no lock is held meanwhile."""
    with reading(shop.engine) as session:
        guarded = freshness.ask_company(session, ids)
    if not guarded:
        return ids, Counter()
    today = date_in(utc_now(), shop.settings.timezone)
    recent = freshness.look(shop.policies, shop.places, guarded, today)
    with writing(shop.engine) as session:
        kept = freshness.keep_back(session, guarded, recent)
    state = "stopped" if recent is None else MessageState.CANCELLED.value
    return [i for i in ids if i not in kept], Counter({state: len(kept)})


class PostOffice:
    """Several lines to one mail server, and the ledger in which they write."""

    def __init__(self, shop: Workshop) -> None:
        pace = shop.policies.sending.pace
        valid = timedelta(hours=shop.policies.approvals.valid_hours)
        self._shop, self._pace = shop, pace
        lease = timedelta(seconds=shop.mail.attempt_seconds) * 2
        zone = shop.settings.timezone
        self._rules = delivery.Rules(
            zone, valid, lease, rounds.openings(shop.policies, zone), shop.policies.limits.gap_days
        )
        self._pacer = Pacer(pace.per_second, pace.per_domain)
        self._ledger = Ledger(shop, self._rules, pace.connections)
        self._lines = [Connection(shop.mail) for _ in range(pace.connections)]
        self._ended: list[Future[Any]] = []
        self._errors: list[BaseException] = []
        self._closed = False

    def __enter__(self) -> Self:
        self._ledger.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        for line in self._lines:
            line.__exit__(*error)
        self._ledger.__exit__(*error)

    def send_all(self, ids: list[str]) -> Counter[str]:
        """Send messages chunk by chunk; return how many ended in which state."""
        states: Counter[str] = Counter()
        size = _CHUNK_PER_LINE * len(self._lines)
        with ThreadPoolExecutor(len(self._lines)) as pool:
            for start in range(0, len(ids), size):
                if self._must_stop():
                    break
                chunk = self._claim(ids[start : start + size], states)
                shares = [chunk[n :: len(self._lines)] for n in range(len(self._lines))]
                list(pool.map(self._send_share, self._lines, shares))
                self._collect(states)
        return states

    def _must_stop(self) -> bool:
        if self._closed or delivery.is_stopped(self._shop.settings.stop_file):
            return True
        with writing(self._shop.engine) as session:
            return health.stop_when_failing(session, utc_now(), self._shop.policies.sending.errors)

    def _claim(self, ids: list[str], states: Counter[str]) -> list[Claimed]:
        claims = self._claim_once(ids)
        for refusal in claims.refused.values():
            waits = refusal.state is MessageState.QUEUED
            states["stopped" if waits else refusal.state.value] += 1
        states["taken"] += len(ids) - len(claims.taken) - len(claims.refused)
        return claims.taken

    def _claim_once(self, ids: list[str]) -> delivery.Claims:
        """Claim in one transaction; one that met another in a deadlock is done again."""
        for tries_left in reversed(range(_TRIES)):
            try:
                with writing(self._shop.engine) as session:
                    return delivery.claim_checked(session, ids, utc_now(), self._rules)
            except OperationalError:
                if not tries_left:
                    raise
        return delivery.Claims()

    def _send_share(self, line: Connection, share: list[Claimed]) -> None:
        for claimed in share:
            if self._closed:
                self._end(claimed, AttemptStage.CLAIMED, None, "the round ended before it",
                          Verdict.TAKEN_BACK)  # fmt: skip
                continue
            self._pacer.wait_for(claimed.recipient)
            if line.sent >= self._pace.messages_per_connection:
                line.close()
            try:
                self._send(line, claimed)
            except DBAPIError as error:
                self._closed = True
                self._errors.append(error)

    def _send(self, line: Connection, claimed: Claimed) -> None:
        def on_stage(stage: AttemptStage) -> None:
            if delivery.is_stopped(self._shop.settings.stop_file):
                raise WithdrawnError("all sending was stopped")
            if stage is AttemptStage.DOT:
                refusal = self._ledger.pass_dot(claimed)
                if refusal is not None:
                    raise WithdrawnError(refusal)

        try:
            code, reply = line.send(claimed.sender, claimed.recipient, claimed.raw, on_stage)
        except AttemptFailedError as error:
            # Nobody answered, or nobody will have us: the messages behind this one need not try.
            unreached = error.stage is AttemptStage.CONNECTED
            again = error.verdict is Verdict.TRY_AGAIN
            self._closed |= error.verdict is Verdict.SERVER or (unreached and again)
            self._end(claimed, error.stage, error.code, error.text, error.verdict)
        except WithdrawnError as error:
            self._end(claimed, AttemptStage.DATA, None, str(error), Verdict.TAKEN_BACK)
        else:
            self._end(claimed, AttemptStage.REPLIED, code, reply, None)

    def _end(
        self,
        claimed: Claimed,
        stage: AttemptStage,
        code: int | None,
        reply: str,
        verdict: Verdict | None,
    ) -> None:
        ending = Ending(claimed, stage, code, reply, verdict, utc_now())
        self._ended.append(self._ledger.submit(ending))

    def _collect(self, states: Counter[str]) -> None:
        """Wait until all of a chunk is on record. Raises what kept the ledger from writing."""
        for ended in self._ended:
            error = ended.exception()
            if error is None:
                states[ended.result() or "lost"] += 1
            else:
                self._errors.append(error)
        self._ended.clear()
        if self._errors:
            raise self._errors[0]
