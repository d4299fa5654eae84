"""Everything ops decide, read and validated in one go."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from retention.domain.errors import ConfigError
from retention.domain.gates import Band, Guards
from retention.domain.people import Person, Role, Team
from retention.domain.playbook import Playbook
from retention.domain.stages import PlaybookName
from retention.mail.templates import load_template
from retention.playbooks.loading import load_playbooks
from retention.policy import PolicyModel, read_policy
from retention.scoring.costs import Costs, load_costs
from retention.sources.canonical import CANONICAL
from retention.sources.config import SourcesConfig, load_sources


class PersonDoc(PolicyModel):
    """One member of the team."""

    id: str = Field(pattern="^[a-z][a-z0-9_.-]*$")
    name: str = Field(min_length=1)
    email: str
    phone: str
    roles: tuple[Role, ...] = Field(min_length=1)


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


class BandDoc(PolicyModel):
    """How much a table may change in a night."""

    rows: float = Field(0.20, gt=0)
    sums: float = Field(0.35, gt=0)
    empty: float = Field(3.0, ge=1)


class GuardsDoc(BandDoc):
    """`guards.yaml`."""

    history: int = Field(14, ge=1, le=365)
    vanished: float = Field(0.01, ge=0, lt=1)
    tables: dict[str, BandDoc] = Field(default_factory=dict)

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


class NoticeDoc(PolicyModel):
    """`notice_rules.yaml`."""

    default_days: dict[str, int] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Policies:
    """What is in the config folder; `home` is that folder."""

    home: Path
    sources: SourcesConfig
    costs: Costs
    playbooks: dict[PlaybookName, Playbook]
    guards: Guards
    conduct: dict[str, str]
    team: Team
    notice_days: dict[str, int]


def load_policies(config_dir: Path, templates_dir: Path) -> Policies:
    """Read and cross-check every policy file. Raises ConfigError."""
    policies = Policies(
        home=config_dir,
        sources=load_sources(config_dir / "sources.yaml"),
        costs=load_costs(config_dir / "costs.yaml"),
        playbooks=load_playbooks(config_dir / "playbooks"),
        guards=_guards(config_dir / "guards.yaml"),
        conduct={t: str(s) for t, s in _conduct(config_dir / "conduct.yaml").tags.items()},
        team=_team(config_dir / "team.yaml"),
        notice_days=read_policy(config_dir / "notice_rules.yaml", NoticeDoc).default_days,
    )
    for playbook in policies.playbooks.values():
        _refuse_missing_templates(playbook, templates_dir)
    return policies


def _guards(path: Path) -> Guards:
    doc = read_policy(path, GuardsDoc)
    bands = {name: Band(band.rows, band.sums, band.empty) for name, band in doc.tables.items()}
    return Guards(doc.history, doc.vanished, Band(doc.rows, doc.sums, doc.empty), bands)


def _conduct(path: Path) -> ConductDoc:
    return read_policy(path, ConductDoc)


def _team(path: Path) -> Team:
    doc = read_policy(path, TeamDoc)
    people = {p.id: Person(p.id, p.name, p.email, p.phone, frozenset(p.roles)) for p in doc.people}
    return Team(people, doc.default_account_manager)


def _refuse_missing_templates(playbook: Playbook, templates_dir: Path) -> None:
    for rule in playbook.stages:
        for step in rule.steps:
            if step.template is None:
                continue
            template = load_template(templates_dir, step.template, None)
            if step.notice != (template.front.message_class == "legal_notice"):
                raise ConfigError(
                    f"playbook '{playbook.name}', stage '{rule.stage}'",
                    f"template '{step.template}' is {template.front.message_class}",
                    "A step with 'notice: true' needs a legal_notice, and only that step.",
                )
