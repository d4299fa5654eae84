"""Tell a customer's explanation in sentences, in the reader's language."""

from decimal import Decimal
from typing import Any

from retention.domain.scores import BY_NAME
from retention.reports.words import Words

Found = dict[str, Any]


def sentences(found: Found, words: Words) -> list[str]:
    """Return the verdict, its reasons, signs and hints, value and risk."""
    scores = found["scores"]
    lines = [
        words.say(
            "verdict",
            customer=found["customer_id"],
            name=found["name"],
            fit=words.of("fit", found["fit"]),
            archetype=words.of("archetype", found["archetype"]),
            as_of=words.day(found["as_of"]),
        ),
        words.say("why", reasons=_listed(found["reasons"], words)),
    ]
    if found["signs"]:
        lines.append(
            words.say("signs", signs=", ".join(words.of("sign", s) for s in found["signs"]))
        )
    if found["hints"]:
        lines.append(
            words.say("hints", hints=", ".join(words.of("hint", h) for h in found["hints"]))
        )
    if scores["tier"]:
        value = words.value("projected_value", _number(scores["projected_value"]))
        lines.append(words.say("tier", tier=words.of("tier", scores["tier"]), value=value))
    if scores["churn_probability"] is None:
        lines.append(words.say("churn_unknown"))
    else:
        probability, threshold = scores["churn_probability"], scores["churn_threshold"]
        shown = words.percent(threshold) if threshold is not None else "-"
        lines.append(words.say("churn", probability=words.percent(probability), threshold=shown))
    if scores["late_payment_probability"] is not None:
        chances = {name: words.percent(scores[f"{name}_probability"])
                   for name in ("late_payment", "dispute")}  # fmt: skip
        lines.append(words.say("next_invoice", **chances))
    if scores["ties"]:
        profit = words.money(_number(scores["tied_profit_12m"]))
        lines.append(words.say("ties", ties=scores["ties"], profit=profit))
    return lines


def _listed(reasons: list[str], words: Words) -> str:
    known = words.document["reason"]
    named = [words.of("reason" if r in known else "archetype", r) for r in reasons]
    return ", ".join(named) or words.say("no_reason")


def about_profit(found: Found, words: Words) -> list[str]:
    """Return the band of the profit, and what was deliberately left out of it."""
    scores = found["scores"]
    lines = [
        words.say(
            "band",
            low=words.money(_number(scores["net_profit_12m_low"])),
            high=words.money(_number(scores["net_profit_12m_high"])),
            confidence=words.of("confidence", scores["economics_confidence"]),
        )
    ]
    for column, key in (("own_fault_cost_12m", "own_fault_cost"), ("winsorised_12m", "winsorised")):
        amount = _number(scores[column])
        if amount:
            lines.append(words.say(key, amount=words.money(amount)))
    return lines


def what_would_change(found: Found, words: Words) -> list[str]:
    """Return, in sentences, the smallest single change that would alter each outcome."""
    lines = [words.say("counterfactual") + ":"]
    for change in found["counterfactuals"]:
        column = change["column"]
        told = {
            "what": words.meaning(column) if column in BY_NAME else column,
            "value": words.value(column, change["value"]),
            "now": words.value(column, change["now"]),
            "change": "-" if change["relative"] is None else f"{change['relative']:+.0%}",
        }
        if change["question"] == "fit":
            lines.append(words.say("would_be", fit=words.of("fit", change["becomes"]), **told))
        else:
            key = "would_enter" if change["becomes"] else "would_not_enter"
            lines.append(words.say(key, playbook=change["question"], **told))
    if not found["counterfactuals"]:
        lines.append(words.say("no_counterfactual"))
    return lines


def about_no_case(found: Found, words: Words) -> list[str]:
    """Return, in sentences, why no case is open."""
    lines = []
    for reason in found["no_case"]:
        told = {"playbook": reason["playbook"]}
        if reason["why"] == "unmet":
            for part in reason["unmet"]:
                now = ", ".join(
                    f"{words.meaning(c)}: {words.value(c, v)}" for c, v in part["now"].items()
                )
                lines.append(
                    words.say("no_case_unmet", condition=part["condition"], now=now, **told)
                )
        else:
            known = {k: v for k, v in reason.items() if k not in ("playbook", "why")}
            lines.append(words.say(f"no_case_{reason['why']}", **known, **told))
    return [words.say("no_case") + ":", *lines] if lines else []


def _number(value: Any) -> Decimal | None:
    return None if value is None else Decimal(str(value))
