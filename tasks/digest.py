"""The step of the digest flow: tell everybody what waits for them, once a day."""

from dataclasses import replace
from datetime import date

from retention.bootstrap import Application, get_application
from retention.clock import utc_now
from retention.db import schema
from retention.db.session import reading, writing
from retention.delivery.team_post import hand_over
from retention.domain.dates import date_in
from retention.domain.runs import RunState
from retention.domain.summaries import DigestSummary, as_json
from retention.reports import team_chat
from retention.reports import team_digest as digest
from retention.reports.team_chat import Waiting
from retention.reports.team_digest import Digest
from retention.reports.words import load_words
from retention.runs import ledger as runs
from retention.safeguards.stop_file import is_stopped
from retention.webhooks.posting import Poster
from tasks.steps import step

FLOW = "digest"


@step()
def send_digests() -> DigestSummary:
    """Send today's digests. A second run of the day sends nothing; a failed one sends all again.

    They go to our own people, so the switch of the customers' mail does not stop them; the STOP
    file does. A chat that does not answer keeps no digest back.
    """
    shop, now = get_application(), utc_now()
    on = date_in(now, shop.settings.timezone)
    if not schema.prepare(shop.engine):
        return DigestSummary()
    if is_stopped(shop.settings.stop_file):
        return DigestSummary()
    with writing(shop.engine) as session:
        claim = runs.claim(session, FLOW, on, now, shop.lease, today=on)
    if claim.done is not None:
        return DigestSummary(nothing_to_say=len(shop.policies.team.people))
    with reading(shop.engine) as session:
        found = digest.make_digests(session, shop.policies, now, shop.settings.timezone)
        waiting = team_chat.count_waiting(session, on)
    telling = [d for d in found if d.says_something]
    summary = replace(
        _send_all(shop, telling, on),
        nothing_to_say=len(found) - len(telling),
        chat=_tell_chat(shop, waiting, on),
    )
    with writing(shop.engine) as session:
        state = RunState.FAILED if summary.failed else RunState.COMPLETED
        runs.finish(session, claim, state, as_json(summary), utc_now())
    return summary


def _send_all(shop: Application, digests: list[Digest], on: date) -> DigestSummary:
    letters = []
    for found in digests:
        person = shop.policies.team.get(found.person)
        raw = digest.compose_digest(found, person, shop.sender, utc_now(), on)
        letters.append((person, raw))
    return DigestSummary(*hand_over(shop.mail, shop.sender.address, letters))


def _tell_chat(shop: Application, waiting: Waiting, on: date) -> str:
    """Tell the team's chat, if it has one; return what became of it, without its address."""
    url = shop.settings.team_chat_url
    if url is None or not waiting.says_something:
        return ""
    language = team_chat.language_of(shop.policies.team.people.values())
    words = load_words(shop.settings.templates_dir, language)
    body = team_chat.chat_message(waiting, words, on, shop.settings.console_url)
    with Poster() as poster:
        said = poster.post(url.get_secret_value(), body, {})
    return "told" if said.is_taken else f"not told ({said.code or said.text})"
