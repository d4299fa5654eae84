"""What a page lets its reader choose: each choice says what follows from it, none is chosen."""

from dataclasses import dataclass

from retention.domain.customer_pages import PagePurpose, Said
from retention.web.wording import N_


@dataclass(frozen=True, slots=True)
class Asked:
    """A field of a choice. What is not `wanted` may stay empty; `kind` says how it is typed."""

    name: str
    label: str
    kind: str = "words"
    wanted: bool = False
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """One choice: its title, what follows, what it asks, and what its reader ticks or presses."""

    said: Said
    title: str
    follows: str
    button: str
    fields: tuple[Asked, ...] = ()
    tick: str = ""


_PHONE = Asked("phone", N_("A telephone number, if you would rather be called"), "phone")
_NAME = (Asked("name", N_("Your name"), "line", wanted=True),)
_QUESTION = (Asked("words", N_("Your question"), wanted=True), _PHONE)

CALL = Choice(
    Said.CALL, N_("I would rather be called"),
    N_("Choose a day and a time. Until then nothing more happens."), N_("Choose a time"),
)  # fmt: skip

ACCEPT_PRICE = Choice(
    Said.ACCEPT, N_("I accept the new price"),
    N_("It holds from the day named on this page. You get a confirmation in writing."),
    N_("Accept the new price"),
    _NAME,
    N_("I accept the new price, and I am authorised to decide this."),
)  # fmt: skip
ACCEPT_PREPAID = Choice(
    Said.ACCEPT, N_("I agree to pay in advance"),
    N_("You can leave at the end of any month that is paid. You get a confirmation in writing."),
    N_("Agree to pay in advance"),
    _NAME,
    N_("I agree to pay in advance, and I am authorised to decide this."),
)  # fmt: skip
ACCEPT = Choice(
    Said.ACCEPT, N_("I accept"),
    N_("We make the change and tell you when it is done."), N_("Accept"),
    _NAME,
    N_("I accept this, and I am authorised to decide it."),
)  # fmt: skip
COUNTER = Choice(
    Said.COUNTER, N_("I propose something else"),
    N_("Fewer visits, help by chat, another amount: we look at it and answer you. Until then "
       "nothing changes."),
    N_("Send my proposal"),
    (Asked("words", N_("What would suit you?"), wanted=True),
     Asked("fee", N_("An amount a month, if you have one in mind"), "fee"), _PHONE),
)  # fmt: skip
DECLINE = Choice(
    Said.DECLINE, N_("No, thank you"),
    N_("Everything stays as it is for now. If we find no terms that suit us both, we may end "
       "the contract with proper notice; we would talk to you first."),
    N_("Decline"),
    (Asked("words", N_("Why, if you like to say")),),
    N_("I do not accept this."),
)  # fmt: skip
ASK = Choice(
    Said.ASK, N_("I have a question"),
    N_("A person answers you. Until then nothing changes."), N_("Send my question"),
    _QUESTION,
)  # fmt: skip

ASK_FIRST = Choice(
    Said.ASK, N_("I have a question"), N_("A person answers you. Until then nothing ends."),
    N_("Send my question"), _QUESTION,
)  # fmt: skip

CONTEST = Choice(
    Said.CONTEST, N_("I disagree with this"),
    N_("Nothing ends before we have looked into it and answered you in writing."),
    N_("Send my objection"),
    (Asked("words", N_("Why, if you like to say it now; you can add reasons later")), _PHONE),
    N_("I disagree with the end of my contract."),
)  # fmt: skip
MORE_TIME = Choice(
    Said.MORE_TIME, N_("I need more time"),
    N_("We answer you in writing. Nothing ends before that."), N_("Ask for more time"),
    (Asked("words", N_("Until when, and what for?"), wanted=True), _PHONE),
)  # fmt: skip
HARDSHIP = Choice(
    Said.HARDSHIP, N_("I am going through hard times"),
    N_("Illness, poor sales, loss of work, or anything else: nothing ends and we ask you for "
       "nothing until somebody has talked to you. You need not give details."),
    N_("Tell us"),
    (Asked("words", N_("In your own words, if you like")), _PHONE),
    N_("I ask you to do nothing until somebody has talked to me."),
)  # fmt: skip
PLAN = Choice(
    Said.PLAN, N_("I would like to pay in instalments"),
    N_("No fees, no interest. Meanwhile we send no reminders of this debt; your usual bills go "
       "on. If a day becomes difficult, call us first."),
    N_("Agree on these instalments"),
    (Asked("parts", N_("How many payments"), "parts", wanted=True),
     Asked("first_on", N_("The first one on"), "first_on", wanted=True)),
    N_("I will pay these instalments on these days."),
)  # fmt: skip
PAID = Choice(
    Said.PAID, N_("I have paid already"),
    N_("We find the payment and tell you. Until then we do not ask you for it."),
    N_("Say that I have paid"),
    (Asked("words", N_("When, how, and how much?"), wanted=True), _PHONE),
)  # fmt: skip
WRONG = Choice(
    Said.WRONG, N_("A bill is wrong"),
    N_("You need not pay that bill while we check."), N_("Say what is wrong"),
    (Asked("words", N_("Which bill, and what is wrong with it?"), wanted=True), _PHONE),
)  # fmt: skip

_ACCEPTS = {"price": ACCEPT_PRICE, "prepaid": ACCEPT_PREPAID}


def choices_of(purpose: PagePurpose, *, offer: str = "", plan: bool = True) -> tuple[Choice, ...]:
    """Return the choices of a page. `offer` is its kind; `plan` says that parts are possible."""
    if purpose is PagePurpose.OFFER:
        return (_ACCEPTS.get(offer, ACCEPT), COUNTER, CALL, DECLINE, ASK)
    if purpose is PagePurpose.NOTICE:
        return (CONTEST, MORE_TIME, HARDSHIP, CALL, ASK_FIRST)
    if purpose is PagePurpose.DEBT:
        return (*((PLAN,) if plan else ()), PAID, WRONG, HARDSHIP, CALL, ASK)
    return ()


DONE: dict[Said, tuple[str, str]] = {
    Said.ACCEPT: (N_("You have accepted"), N_("We make the change and confirm it in writing.")),
    Said.COUNTER: (N_("You have made a proposal of your own"), N_("We look at it and answer you.")),
    Said.DECLINE: (N_("You have declined"), N_("Nothing changes for now.")),
    Said.ASK: (N_("You have asked us something"), N_("A person answers you.")),
    Said.CONTEST: (
        N_("You have contested this"),
        N_("Nothing ends before we have looked into it and answered you in writing."),
    ),
    Said.MORE_TIME: (N_("You have asked for more time"), N_("Nothing ends before we answer you.")),
    Said.HARDSHIP: (
        N_("Thank you for telling us"),
        N_("We ask you for nothing until somebody has talked to you."),
    ),
    Said.PLAN: (
        N_("We have agreed on instalments"),
        N_("Meanwhile we send no reminders of this debt. Your usual bills go on."),
    ),
    Said.PAID: (
        N_("You have told us that you have paid"),
        N_("We find the payment and tell you. Until then we do not ask you for it."),
    ),
    Said.WRONG: (
        N_("You have told us that a bill is wrong"),
        N_("You need not pay that bill while we check."),
    ),
    Said.SCORE: (N_("Thank you"), N_("Somebody reads every answer.")),
    Said.CALL: (N_("Your call"), N_("We call you then.")),
    Said.PREFER: (N_("This is how we write to you from now on"), ""),
}
"""What a page says once an answer is given: what it was, and what happens now."""
