"""A round of deliveries at work: lines to one mail server, and the logbook they write in."""

from collections import Counter
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, OperationalError

from retention.actions.leaving_times import openings
from retention.clock import utc_now
from retention.db.session import writing
from retention.delivery import circuit_breaker as health
from retention.delivery import claim as delivery
from retention.delivery import last_check
from retention.delivery.attempts import Claimed, Ending
from retention.delivery.logbook import Logbook
from retention.delivery.mail_server import MailServer
from retention.delivery.pacing import Pacer
from retention.delivery.smtp import AttemptFailedError, Connection
from retention.delivery.text_line import TextLine
from retention.domain.gateways import Gateway, channel_of
from retention.domain.messages import AttemptStage, MessageState, Verdict
from retention.messages.leaving import as_leaving
from retention.policies.load import Policies
from retention.safeguards.stop_file import is_stopped

_CHUNK_PER_LINE = 25
_TRIES = 3


class WithdrawnError(Exception):
    """The message must not leave after all; nothing was sent."""


class PostOffice:
    """Several lines to one mail server, and the logbook in which they write."""

    def __init__(
        self,
        engine: Engine,
        mail: MailServer,
        policies: Policies,
        timezone: str,
        stop_file: Path,
        templates: Path,
        gateways: Mapping[str, Gateway] | None = None,
    ) -> None:
        sending, pace = policies.sending, policies.sending.pace
        self._engine, self._stop_file, self._templates = engine, stop_file, templates
        self._pace, self._most_errors = pace, sending.errors
        self._rules = last_check.Rules(
            timezone,
            timedelta(hours=policies.approvals.valid_hours),
            policies.team,
            timedelta(days=policies.approvals.longest_days),
            timedelta(seconds=mail.attempt_seconds) * 2,
            openings(policies.calendars, sending.hours, timezone),
            policies.sending.newest_night,
            policies.sending.dead_at_once,
            templates,
            sending.soft_bounces,
        )
        self._logo = policies.brand.logo
        self._texts = TextLine(gateways or {})
        self._pacer = Pacer(pace.per_second, pace.per_domain)
        self._logbook = Logbook(engine, self._rules, pace.connections)
        self._lines = [Connection(mail) for _ in range(pace.connections)]
        self._ended: list[Future[Any]] = []
        self._errors: list[BaseException] = []
        self._closed = False

    def __enter__(self) -> Self:
        self._logbook.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        for line in self._lines:
            line.__exit__(*error)
        self._texts.close()
        self._logbook.__exit__(*error)

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
        if self._closed or is_stopped(self._stop_file):
            return True
        with writing(self._engine) as session:
            return health.stop_when_failing(session, utc_now(), self._most_errors)

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
                with writing(self._engine) as session:
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
            if is_stopped(self._stop_file):
                raise WithdrawnError("all sending was stopped")
            if stage is AttemptStage.DOT:
                refusal = self._logbook.pass_dot(claimed)
                if refusal is not None:
                    raise WithdrawnError(refusal)
                if is_stopped(self._stop_file):  # the database may have kept us waiting
                    raise WithdrawnError("all sending was stopped")

        try:
            if channel_of(claimed.sender) is not None:
                code, reply = self._texts.send(claimed, on_stage)
            else:
                raw = self._leaving(claimed)
                code, reply = line.send(claimed.sender, claimed.recipient, raw, on_stage)
        except AttemptFailedError as error:
            # Nobody answered, or nobody will have us: the messages behind this one need not try.
            unreached = error.stage is AttemptStage.CONNECTED
            again = error.verdict is Verdict.TRY_AGAIN
            mail = channel_of(claimed.sender) is None
            self._closed |= mail and (error.verdict is Verdict.SERVER or (unreached and again))
            self._end(claimed, error.stage, error.code, error.text, error.verdict)
        except WithdrawnError as error:
            self._end(claimed, AttemptStage.DATA, None, str(error), Verdict.TAKEN_BACK)
        else:
            self._end(claimed, AttemptStage.REPLIED, code, reply, None)

    def _leaving(self, claimed: Claimed) -> bytes:
        return as_leaving(
            claimed.raw,
            claimed.letter,
            claimed.claimed_at,
            self._rules.timezone,
            self._templates,
            self._logo,
            claimed.tokens,
        )

    def _end(
        self,
        claimed: Claimed,
        stage: AttemptStage,
        code: int | None,
        reply: str,
        verdict: Verdict | None,
    ) -> None:
        ending = Ending(claimed, stage, code, reply, verdict, utc_now())
        self._ended.append(self._logbook.submit(ending))

    def _collect(self, states: Counter[str]) -> None:
        """Wait until all of a chunk is on record. Raises what kept the logbook from writing."""
        for ended in self._ended:
            error = ended.exception()
            if error is None:
                states[ended.result() or "lost"] += 1
            else:
                self._errors.append(error)
        self._ended.clear()
        if self._errors:
            raise self._errors[0]
