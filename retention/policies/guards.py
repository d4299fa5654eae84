"""guards.yaml: how much the data may change, how far a night may go, what approvals are worth."""

from typing import Self

from pydantic import Field, model_validator

from retention.domain.entry_doubt import EntryLimits
from retention.domain.limits import OPEN, TERMINATED, Cap, Limits
from retention.domain.stages import Stage
from retention.policies.approvals import ApprovalsDoc
from retention.sources.canonical import CANONICAL
from retention.yaml_files import PolicyModel


class BandDoc(PolicyModel):
    """How much a table may change in a night."""

    rows: float = Field(0.20, gt=0)
    sums: float = Field(0.35, gt=0)
    empty: float = Field(3.0, ge=1)
    least: int = Field(20, ge=0, le=1000)


class PeopleDoc(PolicyModel):
    """How many customers' rows may change though their table as a whole looks usual."""

    share: float = Field(0.02, gt=0, lt=1)
    least: int = Field(5, ge=1, le=1000)
    sums: float = Field(0.15, gt=0)


class CapDoc(PolicyModel):
    """How much of one effect a night may have: the lower of share and count counts."""

    share: float = Field(gt=0, le=1)
    count: int = Field(ge=0)
    least: int = Field(5, ge=0, le=100)


class EntryDoc(PolicyModel):
    """How many may newly meet an entry condition before the night is in doubt."""

    least: int = Field(20, ge=0, le=10_000)
    share: float = Field(0.01, ge=0, le=1)
    times: float = Field(3.0, ge=1)


class LimitsDoc(PolicyModel):
    """How far a night may go."""

    good_nights: int = Field(3, ge=1, le=60)
    gap_days: int = Field(7, ge=1, le=60)
    late_days: int = Field(1, ge=1, le=60)
    entry: EntryDoc = EntryDoc()
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
        entry = EntryLimits(self.entry.least, self.entry.share, self.entry.times)
        return Limits(caps, self.good_nights, self.gap_days, self.late_days, entry)


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
    vanished_least: int = Field(2, ge=0, le=1000)
    unmatched: float = Field(0.05, ge=0, lt=1)
    customers: PeopleDoc = PeopleDoc()
    stale_days: int = Field(35, ge=1, le=1000)
    tables: dict[str, BandDoc] = Field(default_factory=dict)
    limits: LimitsDoc
    approvals: ApprovalsDoc = ApprovalsDoc()
    canary: CanaryDoc = CanaryDoc()
    holdout: HoldoutDoc = HoldoutDoc()
    spillover: float = Field(0.05, gt=0, lt=1)
    longest_hold_days: int = Field(732, ge=1, le=3660)

    @model_validator(mode="after")
    def _tables_exist(self) -> Self:
        for name in self.tables:
            if name not in CANONICAL:
                raise ValueError(
                    f"'{name}' is no canonical table; they are: {', '.join(CANONICAL)}"
                )
        return self
