"""What an answer on a page does: the same as if a colleague had written it down."""

from collections.abc import Callable
from decimal import Decimal

from retention.actions import customer_answers
from retention.answers.plan_answers import agree_on_plan
from retention.answers.respondent import Respondent
from retention.answers.submissions import add
from retention.answers.survey_answers import UNHAPPY
from retention.answers.words_for_owner import hand_over
from retention.db.models.customer_pages import Submission
from retention.domain.customer_pages import PROTECTS, Doubt, Said
from retention.domain.exclusions import ALL, ExclusionKind, ExclusionReason
from retention.domain.offers import Answer
from retention.safeguards import exclusions
from retention.webhooks import outgoing
from retention.webhooks.outgoing import EventKind

_HOLDS = {
    Said.CONTEST: ExclusionReason.CONTESTED,
    Said.HARDSHIP: ExclusionReason.HARDSHIP,
    Said.WRONG: ExclusionReason.DISPUTE,
}
"""What protects at once, before any night, and with which reason."""


def take(
    who: Respondent, said: Said, values: dict[str, str], doubt: Doubt | None = None
) -> Submission:
    """Keep an answer, and let it take effect. Raises NotAllowedError for what cannot be said now.

    What may be a scanner's has no effect but that a person asks the customer; what protects its
    author counts however it came.
    """
    counts = doubt is None or said in PROTECTS
    row = add(who, said, values, doubt)
    if not counts:
        if said is not Said.SCORE:
            hand_over(who, row, _as_text(values, doubt))
        return row
    _EFFECTS[said](who, row, values)
    return row


def _to_offer(answer: Answer) -> Callable[[Respondent, Submission, dict[str, str]], None]:
    def effect(who: Respondent, row: Submission, values: dict[str, str]) -> None:
        if answer is not Answer.ACCEPT and values.get("words"):
            hand_over(who, row, _as_text(values))
        fee = Decimal(values["fee"]) if values.get("fee") else None
        words = _as_text({name: text for name, text in values.items() if name != "fee"})
        customer_answers.record_answer(
            who.session, who.action, who.author, answer, who.policies, who.sender, who.folders,
            counter_fee=fee, note=words,
        )  # fmt: skip

    return effect


def _protect(who: Respondent, row: Submission, values: dict[str, str]) -> None:
    """Hold everything back, until somebody has looked into it; hand the words to the owner."""
    reason = _HOLDS.get(row.said)
    if reason is not None:
        wish = exclusions.Wish(
            customer_id=who.customer_id,
            kind=ExclusionKind.HOLD,
            reason=reason,
            starts_on=who.today,
            ends_on=who.today + who.policies.conversations.contested_hold,
            scope=ALL,
            note=_as_text(values)[:300],
        )
        exclusions.place_for_customer(who.session, wish, who.now)
    if row.said is Said.CONTEST:
        outgoing.tell(who.session, EventKind.NOTICE_CONTESTED, f"action {who.action.id}",
                      who.customer_id, who.now, effective_on=who.action.effective_on)  # fmt: skip
    hand_over(who, row, _as_text(values))
    who.receipt(row.said)


def _plan(who: Respondent, row: Submission, values: dict[str, str]) -> None:
    plan = agree_on_plan(who, _whole(values["parts"]), values["first_on"])
    who.receipt(row.said, parts=plan.parts, part=plan.part, amount=plan.amount,
                first_on=plan.first_on)  # fmt: skip


def _whole(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 4 else 0  # noqa: PLR2004


def _score(who: Respondent, row: Submission, values: dict[str, str]) -> None:
    """The next night reads the number; who is unhappy, or says why, is answered by a person."""
    if values.get("why") or int(values["score"]) <= UNHAPPY:
        hand_over(who, row, _as_text(values))


def _nothing_more(who: Respondent, row: Submission, values: dict[str, str]) -> None:
    """The answer itself is all: its page has done the rest, or the next night reads it."""


_EFFECTS: dict[Said, Callable[[Respondent, Submission, dict[str, str]], None]] = {
    Said.ACCEPT: _to_offer(Answer.ACCEPT),
    Said.COUNTER: _to_offer(Answer.COUNTER),
    Said.DECLINE: _to_offer(Answer.DECLINE),
    Said.ASK: _protect,
    Said.CONTEST: _protect,
    Said.MORE_TIME: _protect,
    Said.HARDSHIP: _protect,
    Said.PAID: _protect,
    Said.WRONG: _protect,
    Said.PLAN: _plan,
    Said.SCORE: _score,
    Said.CALL: _nothing_more,
    Said.PREFER: _nothing_more,
}


def _as_text(values: dict[str, str], doubt: Doubt | None = None) -> str:
    """Return the words as their reader needs them: what was asked is told before the answer."""
    lines = [f"{name}: {text}" for name, text in values.items() if text and name != "words"]
    words = values.get("words", "")
    marked = [f"({doubt})"] if doubt else []
    return "\n".join([*filter(None, [words]), *lines, *marked])
