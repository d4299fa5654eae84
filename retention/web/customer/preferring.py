"""What a customer wants to receive: topics, pauses, language, way; and one click (RFC 8058)."""

from datetime import timedelta

from starlette.responses import PlainTextResponse, Response

from retention.answers.submissions import add
from retention.domain.customer_pages import TOPICS, Said
from retention.safeguards import preferences
from retention.safeguards.preferences import CHANNELS, Wanted
from retention.web.customer.guest import Guest
from retention.web.wording import LANGUAGES, N_

TOPIC_WORDS = {
    "guides": (N_("Guides and training"), N_("How to get more from your service.")),
    "surveys": (N_("Questions about how it goes"), N_("A number and a word, now and then.")),
    "offers": (N_("Advantages and offers"), N_("What you may have besides your contract.")),
}
_PAUSES = ("30", "90")


def show(guest: Guest) -> Response:
    """Show what they receive."""
    return _page(guest, _present(guest), saved=guest.request.query_params.get("saved") == "yes")


def save(guest: Guest) -> Response:
    """Keep what was chosen; a mail program that says one click stops what can be declined."""
    who = guest.who
    if guest.typed("List-Unsubscribe") == "One-Click":
        preferences.stop_news(who.session, who.customer_id, who.today, who.now, "one click")
        return PlainTextResponse("done")
    if guest.shown is None or guest.shown.version != guest.version:
        return _page(guest, _present(guest), saved=False, stale=True)
    before, wanted = _present(guest), _wanted(guest)
    if guest.typed("stop") == "all":
        wanted = Wanted(frozenset(), before.paused_until, before.language, before.channel,
                        before.texts, all_news=False)  # fmt: skip
        preferences.stop_news(who.session, who.customer_id, who.today, who.now, "on the page")
        preferences.change(who.session, who.customer_id, wanted, who.today, who.now)
        add(who, Said.PREFER, {"changed": "stopped"})
        return guest.go(saved="yes")
    changed = preferences.change(who.session, who.customer_id, wanted, who.today, who.now)
    if changed:
        add(who, Said.PREFER, {"changed": ", ".join(changed)})
    return guest.go(saved="yes")


def _present(guest: Guest) -> Wanted:
    return preferences.present(guest.who.session, guest.who.customer_id, guest.who.today)


def _wanted(guest: Guest) -> Wanted:
    topics = frozenset(topic for topic in TOPICS if guest.typed(f"topic-{topic}") == "yes")
    before = _present(guest)
    if not before.all_news and not topics:  # as it stood: nothing was chosen again
        topics = before.topics
    pause, until = guest.typed("pause"), before.paused_until
    if pause in _PAUSES:
        until = guest.who.today + timedelta(days=int(pause))
    elif pause == "none":
        until = None
    language, channel = guest.typed("write-in"), guest.typed("channel")
    return Wanted(
        topics=topics,
        paused_until=until,
        language=language if language in LANGUAGES else None,
        channel=channel if channel in CHANNELS else None,
        texts={"yes": True, "no": False}.get(guest.typed("texts"), before.texts),
        all_news=before.all_news or bool(topics - before.topics),
    )


def _page(guest: Guest, wanted: Wanted, *, saved: bool, stale: bool = False) -> Response:
    topics = [(t, *map(guest.words.say, TOPIC_WORDS[t]), t in wanted.topics) for t in TOPICS]
    return guest.page(
        "preferences.html", 422 if stale else 200, wanted=wanted, topics=topics, saved=saved,
        stale=stale, languages=LANGUAGES, pauses=_PAUSES,
    )  # fmt: skip
