"""notice_rules.yaml: how long before its end a termination is announced."""

from datetime import date
from typing import Self

from pydantic import Field, model_validator

from retention.domain.notices import NoticeRule, NoticeRules, Proof
from retention.policies.patterns import COUNTRY, ID
from retention.yaml_files import PolicyModel


class NoticeRuleDoc(PolicyModel):
    """One rule about notice, and where it comes from."""

    id: str = Field(pattern=ID)
    days: int = Field(0, ge=0, le=3650)
    months: int = Field(0, ge=0, le=120)
    country: str | None = Field(None, pattern=COUNTRY)
    kind: str | None = Field(None, pattern="^b2[bc]$")
    proof: Proof = Proof.EMAIL_OK
    source: str = Field(min_length=1)
    confidence: str = Field(pattern="^(high|medium|low)$")
    review_by: date

    @model_validator(mode="after")
    def _asks_for_something(self) -> Self:
        if not self.days and not self.months and self.proof is Proof.EMAIL_OK:
            raise ValueError(f"the rule '{self.id}' asks for nothing: give days, months or proof")
        return self


class NoticeDoc(PolicyModel):
    """`notice_rules.yaml`."""

    default_days: dict[str, int] = Field(min_length=1)
    countries: tuple[str, ...] = ()
    rules: tuple[NoticeRuleDoc, ...] = ()

    def to_rules(self) -> NoticeRules:
        """Return the rules as the domain sees them."""
        rules = tuple(
            NoticeRule(r.id, r.days, r.months, r.country, r.kind, r.proof, r.source,
                       r.confidence, r.review_by)
            for r in self.rules
        )  # fmt: skip
        return NoticeRules(self.default_days, rules, frozenset(self.countries))
