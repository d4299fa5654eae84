"""What a page shows: what it is about, its facts, and what its reader may choose now."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from starlette.responses import Response

from retention.actions.offers import answerable_until
from retention.answers import call_slots, plan_answers, submissions
from retention.db.models.customer_pages import Submission
from retention.db.models.work.actions import Action
from retention.domain.actions import ActionState
from retention.domain.cases import CaseState
from retention.domain.customer_pages import PROTECTS, PagePurpose, Said
from retention.domain.offers import OfferKind, OfferState, starts_on
from retention.messages.outbox import IN_DOUBT
from retention.messages.template_values import bills_of, more_bills, on_one_line
from retention.safeguards import instalments
from retention.web.customer.choices import DONE, Choice, choices_of
from retention.web.customer.guest import Guest
from retention.web.customer.message_blocks import Block, blocks_of
from retention.web.wording import N_

_ANSWERABLE = frozenset(
    {OfferState.SENT, OfferState.VIEWED, OfferState.COUNTERED, OfferState.ACCEPTED,
     OfferState.DECLINED}
)  # fmt: skip


_TO_OFFER = frozenset({Said.ACCEPT, Said.COUNTER, Said.DECLINE})
_ANSWERED = frozenset({OfferState.ACCEPTED, OfferState.COUNTERED, OfferState.DECLINED})


@dataclass(frozen=True, slots=True)
class Fact:
    """A line of what a page is about. `before` is what holds today, when something changes."""

    name: str
    value: str
    before: str = ""


@dataclass(frozen=True, slots=True)
class About:
    """What a page is about: title, first sentence, facts, choices; `over` says why none is left.

    `whole` is what was written to its reader, word for word.
    """

    title: str
    opening: str
    facts: tuple[Fact, ...]
    choices: tuple[Choice, ...]
    over: str = ""
    until: str = ""
    whole: tuple[Block, ...] = ()


def show(guest: Guest) -> Response:
    """Show a page: what was answered last, or what can be."""
    said = submissions.of_page(guest.who.session, guest.who.action.id, guest.who.purpose)
    about = about_of(guest)
    changing = guest.request.query_params.get("change") == "yes"
    if said and not (changing and about.choices):
        return done(guest, said, about)
    if not about.choices:
        return guest.page("closed.html", about=about)
    return choose(guest, about)


def choose(guest: Guest, about: About, problem: str = "", status: int = 200) -> Response:
    """Show what can be answered; nothing of it is chosen."""
    name = guest.who.row.get("name") or ""
    return guest.page("choose.html", status, about=about, problem=problem, name=name)


def done(guest: Guest, said: Sequence[Submission], about: About) -> Response:
    """Show what was answered last, what of before still stands, and whether it can be changed."""
    last = said[-1]
    title, next_ = DONE[last.said]
    unsure = last.doubt is not None and last.said not in PROTECTS
    return guest.page(
        "done.html", title=title, next=next_, last=last, about=about,
        standing=[(DONE[row.said], row) for row in standing(guest, said)],
        unsure=unsure, answer_by=guest.who.answer_by(last.said_at), plan=_plan(guest, last),
        call=call_slots.agreed(guest.who),
    )  # fmt: skip


def standing(guest: Guest, said: Sequence[Submission]) -> list[Submission]:
    """Return what was answered before and still counts: a question takes back no acceptance."""
    found: dict[str, Submission] = {}
    for row in said:
        if row.doubt is None or row.said in PROTECTS:
            found["offer" if row.said in _TO_OFFER else row.said] = row
    offer = guest.who.action.offer
    if offer is None or offer.state not in _ANSWERED:
        found.pop("offer", None)
    if not instalments.running(guest.who.session, [guest.who.customer_id]):
        found.pop(Said.PLAN, None)
    kept = (Said.PLAN, Said.CONTEST, Said.HARDSHIP, Said.MORE_TIME, Said.WRONG, *_TO_OFFER)
    return [row for row in found.values() if row is not said[-1] and row.said in kept]


def _plan(guest: Guest, last: Submission) -> Any:
    if last.said is not Said.PLAN:
        return None
    rows = instalments.running(guest.who.session, [guest.who.customer_id])
    return instalments.plan_of(rows[-1]) if rows else None


def about_of(guest: Guest) -> About:
    """Return what the page of a link is about now."""
    return _ABOUT[guest.who.purpose](guest)


def _offer(guest: Guest) -> About:
    w, offer, who = guest.words, guest.who.action.offer, guest.who
    if offer is None:
        return About(w.say(N_("This offer is over")), "", (), (), w.say(N_("It holds no longer.")))
    prepaid = offer.kind is OfferKind.PREPAID
    title = N_("Your service, paid in advance") if prepaid else N_("A proposal for your contract")
    until = answerable_until(offer)
    facts = _fee(guest)
    if prepaid:
        facts.append(Fact(w.say(N_("Paid")), w.say(N_("before the month begins")),
                          w.say(N_("after the month"))))  # fmt: skip
    facts.append(Fact(w.say(N_("From")), w.long_day(starts_on(offer.expires_on))))
    facts.append(Fact(w.say(N_("You can answer until")), w.long_day(offer.expires_on)))
    sent = offer.state in _ANSWERABLE or _has_arrived(who.action)
    opening = w.say(
        N_("Nothing changes unless you agree. Without an answer everything stays as it is for now.")
    )
    if not sent or who.author.on > until:
        over = w.say(N_("This offer ended on {day}. Would you still like it, or something else?"
                        " Just call or write."), day=w.long_day(offer.expires_on))  # fmt: skip
        if offer.state is OfferState.VOIDED:
            over = w.say(N_("This offer holds no longer: something else has taken its place. "
                            "Just call or write."))  # fmt: skip
        return About(w.say(title), opening, tuple(facts), (), over)
    choices = choices_of(PagePurpose.OFFER, offer=str(offer.kind))
    return About(w.say(title), opening, tuple(facts), choices, until=w.long_day(until))


def _has_arrived(action: Action) -> bool:
    """Who opens the link of a message whose fate nobody knew has evidently got it."""
    doubt = action.message is not None and action.message.state in IN_DOUBT
    return doubt and action.offer is not None and action.offer.state is OfferState.APPROVED


def _fee(guest: Guest) -> list[Fact]:
    w, offer = guest.words, guest.who.action.offer
    if offer is None:
        return []
    if offer.new_fee is None:
        return [Fact(w.say(N_("What changes")), offer.detail or "")]
    before = w.money(offer.current_fee, whole=False) if offer.current_fee else ""
    after = w.say(N_("{fee} a month"), fee=w.money(offer.new_fee, whole=False))
    return [Fact(w.say(N_("Fee")), after, before)]


def _notice(guest: Guest) -> About:
    w, who = guest.words, guest.who
    action = who.action
    ends = action.effective_on or _notice_of(guest)
    said = _said_before(guest)
    title = w.say(N_("Your contract ends"))
    facts = []
    if ends is not None:
        title = w.say(N_("Your contract ends on {day}"), day=w.day(ends, year=True))
        facts += [
            Fact(w.say(N_("Your service goes on until the end of")),
                 w.long_day(ends - timedelta(days=1))),
            Fact(w.say(N_("You can contest it until")), w.long_day(ends - timedelta(days=1))),
        ]  # fmt: skip
    owed = who.row.get("open_amount")
    if owed is not None:
        facts.append(Fact(w.say(N_("Unpaid today")), w.money(max(owed, Decimal(0)), whole=False)))
    fee = said.get("fee_amount") or w.say(N_("as your contract says"))
    if said.get("fee_waived", "yes") != "no":
        fee = w.say(N_("none"))
    facts.append(Fact(w.say(N_("Closing fee")), fee))
    facts.append(Fact(w.say(N_("Your data")), w.say(N_("in a common format, free of charge"))))
    if said.get("alternative"):
        contact = on_one_line(said.get("alternative_contact", ""))
        where = " · ".join(
            filter(None, (said["alternative"], contact, w.say(N_("or anybody else you choose"))))
        )
        facts.append(Fact(w.say(N_("Where you can go")), where))
    opening = w.say(N_("At today's price we cannot cover the cost of the service; you have done"
                       " nothing wrong. If you disagree or need time, say so here: nothing ends"
                       " before we have answered you in writing."))  # fmt: skip
    voided = action.voided_on is not None or ends is None
    if voided or action.case.state is not CaseState.OPEN:
        over = N_("This contract has ended, or goes on: call us, and we tell you how it stands.")
        over = w.say(N_("This notice holds no longer.") if voided else over)
        return About(title, opening, tuple(facts), (), over)
    choices = choices_of(PagePurpose.NOTICE)
    return About(title, opening, tuple(facts), choices, whole=_as_written(guest))


def _as_written(guest: Guest) -> tuple[Block, ...]:
    """Return the message as its reader has it, reasons and all."""
    rendering = guest.who.action.rendering
    return blocks_of(rendering.text if rendering else "")


def _notice_of(guest: Guest) -> Any:
    """A second notice names the day of the first one."""
    query = select(Action.effective_on).where(
        Action.case_id == guest.who.action.case_id,
        Action.effective_on.is_not(None),
        Action.voided_on.is_(None),
    )
    return guest.who.session.scalars(query.order_by(Action.proposed_on.desc())).first()


def _said_before(guest: Guest) -> dict[str, str]:
    """Return what was said in the conversation before the notice: where to go, which fee."""
    query = select(Action.answers).where(
        Action.case_id == guest.who.action.case_id,
        Action.form == "conversation",
        Action.state == ActionState.DONE,
    )
    found = guest.who.session.scalars(query.order_by(Action.done_on.desc())).first()
    return found or {}


def _debt(guest: Guest) -> About:
    w, who = guest.words, guest.who
    owed, days = plan_answers.owed(who), who.row.get("overdue_days_max")
    facts = [Fact(w.say(N_("Still to pay")), w.money(owed, whole=False))]
    if days is not None and owed:
        night = who.folders.newest()
        facts.append(Fact(w.say(N_("The oldest since")),
                          w.long_day(night - timedelta(days=int(days)))))  # fmt: skip
    facts += [
        Fact(w.say(N_("Bill {number}, due on {day}"), number=bill.number,
                   day=w.day(bill.due_on, year=True)),
             w.money(bill.amount, whole=False))
        for bill in bills_of(who.row)
        if owed
    ]  # fmt: skip
    more, rest = more_bills(who.row, owed)
    if more and owed:
        facts.append(Fact(w.say(N_("And {n} more"), n=more), w.money(rest, whole=False)))
    opening = w.say(
        N_(
            "Bills get lost, and months can be tight. To pay it in one sum, "
            "use the account that your bills name; or choose below."
        )
    )
    title = w.say(N_("Your unpaid bills"))
    if not owed:
        over = w.say(N_("In our books nothing is past its due date any more. Thank you."))
        return About(title, opening, tuple(facts), (), over)
    runs = instalments.running(who.session, [who.customer_id])
    plan = bool(plan_answers.possible_parts(who)) and not runs
    return About(title, opening, tuple(facts), choices_of(PagePurpose.DEBT, plan=plan))


_ABOUT = {PagePurpose.OFFER: _offer, PagePurpose.NOTICE: _notice, PagePurpose.DEBT: _debt}
