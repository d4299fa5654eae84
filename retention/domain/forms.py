"""What people write down when they review, call or send by hand.

A form has outcomes and fields; a field that is required for an outcome must be answered. Answers
are short texts that point to data or to a note.
"""

from dataclasses import dataclass, field

from retention.domain.waits import STUCK

TALKED, NOT_REACHED, HANDED_OVER = "talked", "not_reached", "delivered"
TOO_LATE = "delivered_too_late"
CONFIRMED, STOPPED = "confirmed", "stopped"
ANSWERED, CONTESTED = "answered", "contested"
REPLY = "customer_reply"
MAX_ANSWER = 500


@dataclass(frozen=True, slots=True)
class Form:
    """One form. `outcomes` is empty where the playbook says what may come of it.

    `required` maps an outcome (or `*`, any) to the fields it needs; `fields` says what each asks,
    `choices` which answers a field takes where it does not take any text, `required_with` what an
    answer asks for besides.
    """

    name: str
    outcomes: tuple[str, ...] = ()
    fields: dict[str, str] = field(default_factory=dict)
    required: dict[str, tuple[str, ...]] = field(default_factory=dict)
    choices: dict[str, tuple[str, ...]] = field(default_factory=dict)
    required_with: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)

    def missing(self, outcome: str, answers: dict[str, str]) -> list[str]:
        """Return the required fields that have no answer."""
        needed = [*self.required.get("*", ()), *self.required.get(outcome, ())]
        for (name, answer), more in self.required_with.items():
            needed += more if answers.get(name) == answer else ()
        return [name for name in needed if not answers.get(name, "").strip()]


_TALK = (TALKED, NOT_REACHED)

FORMS: dict[str, Form] = {
    form.name: form
    for form in (
        Form(
            "reassessment",
            fields={
                "evidence": "Which tickets, invoices or notes show the root cause?",
                "knows_our_range": "Does the customer know what we offer?",
                "needs_changed": "Have the customer's needs changed?",
                "we_changed": "Did we change our focus and neglect the customer?",
                "able_to_spend": "Is the customer unable, or unwilling, to spend more?",
            },
            required={"*": ("evidence",)},
        ),
        Form(
            "conversation",
            outcomes=_TALK,
            fields={
                "alternative": "Which provider, partner or product did you name instead?",
                "alternative_contact": "At which telephone number or address are they?",
                "fee_waived": "Are the fees of the end waived, or are there none?",
                "fee_amount": "If they are not waived: how much are they, exactly?",
                "reaction": "What did the customer say?",
            },
            required={TALKED: ("alternative", "alternative_contact", "fee_waived")},
            required_with={("fee_waived", "no"): ("fee_amount",)},
            choices={"fee_waived": ("yes", "no", "none")},
        ),
        Form("check_in", _TALK, {"reaction": "What did the customer say?"}),
        Form("reward", _TALK, {"reaction": "What did the customer say?"}),
        Form("retract_notice", _TALK, {"reaction": "What did the customer say?"}),
        Form(
            "customer_reply",
            (ANSWERED, CONTESTED, "nothing_to_do"),
            {"reaction": "What does the customer want, and what did you answer?"},
            dict.fromkeys((ANSWERED, CONTESTED), ("reaction",)),
        ),
        Form("call", _TALK, {"reaction": "What did the customer say?"}),
        Form(
            "letter",
            (HANDED_OVER, TOO_LATE, "returned"),
            {
                "proof": "Number of the registered letter, or who signed for it",
                "delivered_on": "The day on which it was signed for (YYYY-MM-DD)",
            },
            dict.fromkeys((HANDED_OVER, TOO_LATE), ("proof", "delivered_on")),
        ),
        Form(
            "notice_check",
            (CONFIRMED, STOPPED),
            {"rule": "Which rule holds in this country, and who has confirmed it?"},
            {CONFIRMED: ("rule",)},
        ),
        Form(
            STUCK,
            ("mended", "goes_on"),
            {"finding": "What keeps this case waiting, and what have you done about it?"},
            {"*": ("finding",)},
        ),
        Form(
            "final_settlement",
            ("settled",),
            {"settlement": "Which amounts, data and equipment were settled?"},
            {"*": ("settlement",)},
        ),
    )
}
