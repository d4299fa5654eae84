"""One sentence on why: the worst news first, in figures that its reader can check below it."""

from decimal import Decimal
from typing import Any

from retention.domain.scores import BY_NAME, Kind, parts_of
from retention.web.console.words import word_of
from retention.web.wording import N_, Wording

_MOST = Decimal("0.8")


def sentence_of(words: Wording, item: dict[str, Any]) -> str:
    """Say in one sentence why this customer is here."""
    inputs = item["inputs"]
    if not inputs or inputs.get("net_profit_12m") is None:
        return words.say("Nothing is known of what this customer brings and costs.")
    profit = Decimal(str(inputs["net_profit_12m"]))
    if profit < 0:
        return _of_loss(words, inputs, profit)
    told = words.say("Brings {profit} a year.", profit=words.money(profit))
    leaving = inputs.get("churn_probability")
    if leaving is not None and inputs.get("worth_retaining"):
        chance = words.percent(leaving)
        return f"{told} " + words.say("Will leave within 90 days with {chance}.", chance=chance)
    use = inputs.get("usage_change")
    if use is not None and float(use) < 0:
        fall = words.percent(-float(use))
        return f"{told} " + words.say("Their use has fallen by {fall}.", fall=fall)
    return told


def _of_loss(words: Wording, inputs: dict[str, Any], profit: Decimal) -> str:
    parts = {
        name: -Decimal(str(inputs[name]))
        for name in parts_of("net_profit_12m")
        if name != "revenue_12m" and inputs.get(name) is not None
    }
    costs = sum(parts.values(), Decimal(0))
    loss = words.money(-profit)
    high = inputs.get("net_profit_12m_high")
    sure = high is not None and Decimal(str(high)) < 0
    told = (
        words.say("Costs {loss} a year more than they bring, whatever the unit costs.", loss=loss)
        if sure
        else words.say("Costs {loss} a year more than they bring, as far as is known.", loss=loss)
    )
    if not parts or costs <= 0:
        return told
    name, most = max(parts.items(), key=lambda part: part[1])
    share = words.percent(round(float(most / costs), 2))
    what = word_of(words, name)
    key = (
        "Nearly all of the cost is {what}."
        if most >= _MOST * costs
        else "The greatest part of the cost is {what}, {share}."
    )
    return f"{told} {words.say(key, what=what, share=share)}"


def changes_of(words: Wording, changes: list[dict[str, Any]]) -> list[str]:
    """Say which single figure would give another verdict, and what it would have to be."""
    told = [
        words.say(
            "With {what} of {value} instead of {now} the verdict would be: {fit}.",
            what=word_of(words, change["column"]),
            value=_figure(words, change["column"], change["value"]),
            now=_figure(words, change["column"], change["now"]),
            fit=word_of(words, change["becomes"]),
        )
        for change in changes
        if change["question"] == "fit"
    ]
    return told or [words.say("No single figure would change the verdict.")]


def _figure(words: Wording, column: str, value: Any) -> str:
    """Costs are told as what they are, not as losses."""
    if value is None or isinstance(value, bool | str):
        return str(value)
    known = BY_NAME.get(column)
    if known is not None and known.kind is Kind.MONEY:
        amount = Decimal(str(value))
        return words.money(abs(amount) if column.startswith("profit_") else amount)
    return words.number(value)


def quantity_of(words: Wording, row: dict[str, Any]) -> str:
    """Return how much a row of the evidence is about: minutes, days or an amount."""
    value, kind = row["quantity"], row["kind"]
    if kind == "disputed_invoice":
        return words.money(value / 100)
    if kind == "late_invoice":
        return words.count("{n} day", "{n} days", round(value))
    return words.say("{n} min", n=words.number(round(value)))


def months_labelled(words: Wording, months: list[tuple[int, float]]) -> list[tuple[str, float]]:
    """Return each month's profit with its label: how many months ago, and how much."""
    return [
        (f"{words.count('{n} month ago', '{n} months ago', ago)}: {words.money(value)}", value)
        for ago, value in months
    ]


def nights_labelled(words: Wording, nights: list[tuple[str, float]]) -> list[tuple[str, float]]:
    """Return a year's profit as each night saw it, with its label."""
    return [(f"{words.day(day, year=True)}: {words.money(value)}", value) for day, value in nights]


EVENTS: dict[str, str] = {
    "action.approved": N_("approved"),
    "action.rejected": N_("rejected"),
    "action.taken_back": N_("approval taken back"),
    "action.edited": N_("message edited"),
    "action.completed": N_("logged"),
    "action.commented": N_("comment"),
    "action.snoozed": N_("snoozed"),
    "action.reassigned": N_("given to somebody else"),
    "action.tested": N_("test sent to oneself"),
    "message.sent": N_("message sent"),
    "case.milder": N_("sent back to a milder stage"),
    "offer.accept": N_("offer accepted"),
    "offer.counter": N_("counter-offer"),
    "offer.decline": N_("offer declined"),
    "offer.ask": N_("question about the offer"),
    "offer.revised": N_("offer revised"),
    "call.agreed": N_("call agreed"),
    "page.accept": N_("accepted on their page"),
    "page.counter": N_("made a proposal on their page"),
    "page.decline": N_("declined on their page"),
    "page.ask": N_("asked on their page"),
    "page.contest": N_("contested on their page"),
    "page.more_time": N_("asked for time on their page"),
    "page.hardship": N_("told us of hard times"),
    "page.plan": N_("agreed on parts"),
    "page.paid": N_("said that they have paid"),
    "page.wrong": N_("said that something is wrong"),
    "page.score": N_("answered the survey"),
    "page.call": N_("chose a call"),
    "page.prefer": N_("chose what they receive"),
    "plan.agreed": N_("plan agreed"),
    "plan.kept": N_("plan kept"),
    "plan.broken": N_("plan not kept"),
    "call.done": N_("call held"),
    "review.done": N_("review done"),
    "letter.done": N_("letter handed over"),
    "came.reply": N_("the customer wrote"),
    "came.unsubscribe": N_("the customer opted out"),
    "came.hard_bounce": N_("came back for good"),
    "came.soft_bounce": N_("came back for now"),
    "came.complaint": N_("reported as spam"),
    "came.out_of_office": N_("out of office"),
}
"""What the timeline calls each event; others are shown by their own names."""


def event_of(words: Wording, kind: str) -> str:
    """Return what happened, in the reader's language."""
    what, _, how = kind.partition(".")
    if what == "decision":
        return word_of(words, how)
    found = EVENTS.get(kind)
    return words.say(found) if found else kind.replace(".", ": ").replace("_", " ")
