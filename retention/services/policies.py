"""Everything ops decide, read and validated in one go."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from retention.domain.errors import ConfigError
from retention.domain.people import Person, Role, Team
from retention.domain.playbook import Playbook
from retention.domain.stages import PlaybookName
from retention.mail.templates import load_template
from retention.playbooks.loading import load_playbooks
from retention.policy import PolicyModel, read_policy
from retention.scoring.costs import Costs, load_costs
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
    team: Team
    notice_days: dict[str, int]


def load_policies(config_dir: Path, templates_dir: Path) -> Policies:
    """Read and cross-check every policy file. Raises ConfigError."""
    policies = Policies(
        home=config_dir,
        sources=load_sources(config_dir / "sources.yaml"),
        costs=load_costs(config_dir / "costs.yaml"),
        playbooks=load_playbooks(config_dir / "playbooks"),
        team=_team(config_dir / "team.yaml"),
        notice_days=read_policy(config_dir / "notice_rules.yaml", NoticeDoc).default_days,
    )
    for playbook in policies.playbooks.values():
        _refuse_missing_templates(playbook, templates_dir)
    return policies


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
