"""When a termination may take effect: the longest notice that applies, counted in full.

The date is printed in the notice before anybody knows when it will be approved and sent. So the
notice is given a last day for sending, and the effective date lies the full notice after that day.
A notice that was not sent by its last day expires and has to be proposed anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum

from retention.domain.clauses import ContractTerms
from retention.domain.dates import Calendar, months_before
from retention.domain.errors import NoticeError


class Proof(StrEnum):
    """What proves that a notice was given."""

    EMAIL_OK = "email_ok"
    RECEIPT = "needs_proof_of_receipt"


@dataclass(frozen=True, slots=True)
class NoticeRule:
    """One rule about notice, with where it comes from and until when that was checked.

    `country` and `kind` are None where the rule holds for all.
    """

    rule_id: str
    days: int
    months: int
    country: str | None
    kind: str | None
    proof: Proof
    source: str
    confidence: str
    review_by: date

    def ends(self, notified_on: date) -> date:
        """Return the first day on which a contract may end under this rule."""
        return months_before(notified_on, -self.months) + timedelta(days=self.days)

    def fits(self, country: str | None, kind: str | None) -> bool:
        """Return whether the rule holds for a customer; what is not known may be any."""
        same_country = self.country is None or country is None or self.country == country
        return same_country and (self.kind is None or kind is None or self.kind == kind)


@dataclass(frozen=True, slots=True)
class NoticeRules:
    """All rules; `countries` are those for which they were found complete."""

    default_days: dict[str, int]
    rules: tuple[NoticeRule, ...] = ()
    countries: frozenset[str] = frozenset()

    def strictest_default(self, kind: str | None) -> int:
        """Return the default notice of a kind of customer; the longest for an unknown one."""
        return self.default_days.get(kind or "", max(self.default_days.values()))


@dataclass(frozen=True, slots=True)
class NoticePlan:
    """The dates of one notice and what they rest on.

    `because` names the rule or contract that asks for the longest notice. `unsure` says why a
    person has to look at it first; empty when nobody has to.
    """

    notice_days: int
    latest_send_on: date
    effective_on: date
    because: str = "default"
    proof: Proof = Proof.EMAIL_OK
    unsure: str = ""


@dataclass(frozen=True, slots=True)
class NoticeSubject:
    """What the notice to one customer depends on."""

    kind: str | None
    country: str | None
    contracts: tuple[ContractTerms, ...] = field(default=())


def plan_notice(
    latest_send_on: date, subject: NoticeSubject, rules: NoticeRules, days_of: Calendar
) -> NoticePlan:
    """Return when a notice that may leave until `latest_send_on` takes effect.

    The longest of the contracts, the default of the customer's kind and every rule that fits. In a
    country whose rules nobody has checked, every rule of every country counts, and a person has to
    look. Raises NoticeError when a contract's clause cannot be read.
    """
    known = subject.country in rules.countries
    fitting = [r for r in rules.rules if r.fits(subject.country if known else None, subject.kind)]
    default = latest_send_on + timedelta(days=rules.strictest_default(subject.kind))
    ends = [(default, "default"), *((r.ends(latest_send_on), r.rule_id) for r in fitting)]
    ends += [(end, "contract") for end in _contract_ends(subject.contracts, latest_send_on)]
    longest, because = max(ends, key=lambda end: end[0])
    proof = Proof.RECEIPT if any(r.proof is Proof.RECEIPT for r in fitting) else Proof.EMAIL_OK
    return NoticePlan(
        notice_days=(longest - latest_send_on).days,
        latest_send_on=latest_send_on,
        effective_on=days_of.next_ending(longest),
        because=because,
        proof=proof,
        unsure="" if known else "unknown_country",
    )


def _contract_ends(contracts: Sequence[ContractTerms], notified_on: date) -> list[date]:
    try:
        return [contract.earliest_end(notified_on) for contract in contracts]
    except ValueError as error:
        raise NoticeError(
            "a contract's notice clause", str(error), "Correct it in the company's data."
        ) from error
