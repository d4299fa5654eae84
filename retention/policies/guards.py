"""The shapes of the policy files that ops edit, other than sources, costs and playbooks."""

from datetime import date
from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from retention.domain.dates import Period
from retention.domain.handovers import Partner
from retention.domain.limits import OPEN, TERMINATED, Cap, Limits
from retention.domain.notices import NoticeRule, NoticeRules, Proof
from retention.domain.people import Person, Role, Team
from retention.domain.stages import Stage
from retention.playbooks.fields import PeriodText
from retention.sources.canonical import CANONICAL
from retention.yaml_files import PolicyModel

_ID = "^[a-z][a-z0-9_.-]*$"
_COUNTRY = "^[A-Z]{2}$"


class PersonDoc(PolicyModel):
    """One member of the team. `accounts: all` makes account roles count for every account."""

    id: str = Field(pattern=_ID)
    name: str = Field(min_length=1)
    email: str
    phone: str
    roles: tuple[Role, ...] = Field(min_length=1)
    accounts: str = Field("own", pattern="^(own|all)$")
    language: str = Field("en", pattern="^[a-z]{2}$")


class TeamDoc(PolicyModel):
    """`team.yaml`."""

    default_account_manager: str
    people: tuple[PersonDoc, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _manager_exists(self) -> Self:
        ids = [person.id for person in self.people]
        if len(set(ids)) < len(ids):
            raise ValueError("two people have the same id")
        if self.default_account_manager not in ids:
            raise ValueError(f"'{self.default_account_manager}' is not among the people")
        return self

    def to_team(self) -> Team:
        """Return the team as the rules see it."""
        people = {
            p.id: Person(p.id, p.name, p.email, p.phone, frozenset(p.roles), p.accounts == "all",
                         p.language)
            for p in self.people
        }  # fmt: skip
        return Team(people, self.default_account_manager)


class BandDoc(PolicyModel):
    """How much a table may change in a night."""

    rows: float = Field(0.20, gt=0)
    sums: float = Field(0.35, gt=0)
    empty: float = Field(3.0, ge=1)


class CapDoc(PolicyModel):
    """How much of one effect a night may have: the lower of share and count counts."""

    share: float = Field(gt=0, le=1)
    count: int = Field(ge=0)
    least: int = Field(5, ge=0, le=100)


class LimitsDoc(PolicyModel):
    """How far a night may go."""

    good_nights: int = Field(3, ge=1, le=60)
    gap_days: int = Field(7, ge=1, le=60)
    late_days: int = Field(1, ge=1, le=60)
    caps: dict[str, CapDoc] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _effects_exist(self) -> Self:
        known = (OPEN, *Stage, TERMINATED)
        for effect in self.caps:
            if effect not in known:
                raise ValueError(f"'{effect}' is no effect; they are: {', '.join(known)}")
        for effect in (Stage.MIGRATE, Stage.TERMINATE, TERMINATED):
            if effect not in self.caps:
                raise ValueError(f"'{effect}' needs a cap: an absent one never means no limit")
        return self

    def to_limits(self) -> Limits:
        """Return the limits as the rules see them."""
        caps = {name: Cap(c.share, c.count, c.least) for name, c in self.caps.items()}
        return Limits(caps, self.good_nights, self.gap_days, self.late_days)


class ApprovalsDoc(PolicyModel):
    """How long an approval counts, when a decision is overdue, and how much goes in bulk."""

    valid_hours: int = Field(72, ge=1, le=24 * 30)
    escalate_after: PeriodText = Period(3, workdays=True)
    bulk: int = Field(20, ge=1, le=20)


class CanaryDoc(PolicyModel):
    """Of a batch larger than `above`, `first` messages go ahead and the others wait."""

    above: int = Field(20, ge=1)
    first: int = Field(5, ge=1)
    wait_minutes: int = Field(30, ge=0, le=7 * 24 * 60)


class HoldoutDoc(PolicyModel):
    """Which share of the groups of tied accounts is left untreated for comparison, by playbook."""

    salt: str = Field("retention", min_length=1)
    restore: float = Field(0.0, ge=0, le=0.5)
    retain: float = Field(0.0, ge=0, le=0.5)


class GuardsDoc(BandDoc):
    """`guards.yaml`."""

    history: int = Field(14, ge=1, le=365)
    vanished: float = Field(0.01, ge=0, lt=1)
    stale_days: int = Field(35, ge=1, le=1000)
    tables: dict[str, BandDoc] = Field(default_factory=dict)
    limits: LimitsDoc
    approvals: ApprovalsDoc = ApprovalsDoc()
    canary: CanaryDoc = CanaryDoc()
    holdout: HoldoutDoc = HoldoutDoc()
    spillover: float = Field(0.05, gt=0, lt=1)

    @model_validator(mode="after")
    def _tables_exist(self) -> Self:
        for name in self.tables:
            if name not in CANONICAL:
                raise ValueError(
                    f"'{name}' is no canonical table; they are: {', '.join(CANONICAL)}"
                )
        return self


class Sign(StrEnum):
    """What a ticket tag may be a sign of."""

    SHIFTING_DEMANDS = "shifting_demands"
    WANTS_ATTENTION = "wants_attention"
    UNREACHABLE = "unreachable"
    DISHONEST = "dishonest"
    ABUSIVE = "abusive"
    UNREASONABLE = "unreasonable"
    COMPLAINS_TO_ALL = "complains_to_all"
    DOES_NOT_LISTEN = "does_not_listen"


class ConductDoc(PolicyModel):
    """`conduct.yaml`."""

    tags: dict[str, Sign] = Field(default_factory=dict)


class NoticeRuleDoc(PolicyModel):
    """One rule about notice, and where it comes from."""

    id: str = Field(pattern=_ID)
    days: int = Field(0, ge=0, le=3650)
    months: int = Field(0, ge=0, le=120)
    country: str | None = Field(None, pattern=_COUNTRY)
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


class ChangesDoc(PolicyModel):
    """Days that a place works or rests on, other than its public holidays say."""

    closed: tuple[date, ...] = ()
    open: tuple[date, ...] = ()


class CalendarDoc(PolicyModel):
    """`calendar.yaml`."""

    company: str = Field(pattern="^[A-Z]{2}(-[A-Z0-9]{1,3})?$")
    changes: dict[str, ChangesDoc] = Field(default_factory=dict)


class PartnerDoc(PolicyModel):
    """One partner who takes customers over."""

    id: str = Field(pattern=_ID)
    name: str = Field(min_length=1)
    email: str
    phone: str
    capacity: int = Field(ge=0)
    countries: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()


class PartnersDoc(PolicyModel):
    """`partners.yaml`."""

    partners: tuple[PartnerDoc, ...] = ()

    def to_partners(self) -> dict[str, Partner]:
        """Return the partners by id."""
        return {
            p.id: Partner(p.id, p.name, p.email, p.phone, p.capacity, frozenset(p.countries),
                          frozenset(p.kinds))
            for p in self.partners
        }  # fmt: skip
