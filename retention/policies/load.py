"""Everything ops decide, read and validated in one go."""

import hashlib
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from retention.domain.actions import ActionKind
from retention.domain.alerts import AlertRules
from retention.domain.approving import Slot
from retention.domain.brand import Brand
from retention.domain.conversations import ConversationRules
from retention.domain.errors import ConfigError
from retention.domain.gates import Band, Guards
from retention.domain.handovers import Partner
from retention.domain.limits import Limits
from retention.domain.messages import MessageClass
from retention.domain.notices import NoticeRules
from retention.domain.people import Role, Team
from retention.domain.people_gates import PeopleBand
from retention.domain.playbook import Playbook, Step
from retention.domain.scores import OWN_PREFIX
from retention.domain.sending import SendingRules
from retention.domain.stages import PlaybookName
from retention.messages.templates import load_template
from retention.messages.text_messages import load_text
from retention.playbooks.loading import load_playbooks
from retention.policies.alerts import AlertsDoc
from retention.policies.approvals import ApprovalsDoc
from retention.policies.brand import BrandDoc
from retention.policies.calendar import CalendarDoc
from retention.policies.calendars import Calendars
from retention.policies.channels import ChannelsDoc
from retention.policies.conduct import ConductDoc
from retention.policies.conversations import ConversationsDoc
from retention.policies.guards import BandDoc, CanaryDoc, GuardsDoc, HoldoutDoc
from retention.policies.notice_rules import NoticeDoc
from retention.policies.partners import PartnersDoc
from retention.policies.sending import SendingDoc
from retention.policies.team import TeamDoc
from retention.policies.webhooks import WebhooksDoc
from retention.scoring.costs import Costs, load_costs
from retention.sources.config import SourcesConfig, load_sources
from retention.yaml_files import PolicyModel, read_policy

Doc = TypeVar("Doc", bound=PolicyModel)


@dataclass(frozen=True, slots=True)
class Policies:
    """What is in the config folder; `home` is that folder, `version` a hash over its files."""

    home: Path
    version: str
    sources: SourcesConfig
    costs: Costs
    playbooks: dict[PlaybookName, Playbook]
    guards: Guards
    limits: Limits
    approvals: ApprovalsDoc
    canary: CanaryDoc
    holdout: HoldoutDoc
    spillover: float
    conduct: dict[str, str]
    team: Team
    notices: NoticeRules
    calendars: Calendars
    partners: dict[str, Partner]
    handover_approval: tuple[Slot, ...]
    conversations: ConversationRules
    longest_hold: timedelta
    sending: SendingRules
    alerts: AlertRules
    brand: Brand
    webhooks: WebhooksDoc
    channels: ChannelsDoc

    @property
    def event_hold(self) -> timedelta:
        """For how long what another system has told us holds things back."""
        return timedelta(days=self.webhooks.event_hold_days)


def load_policies(config_dir: Path, templates_dir: Path) -> Policies:
    """Read and cross-check every policy file. Raises ConfigError."""
    guards = read_policy(config_dir / "guards.yaml", GuardsDoc)
    conduct = read_policy(config_dir / "conduct.yaml", ConductDoc)
    calendar = read_policy(config_dir / "calendar.yaml", CalendarDoc)
    partners = read_policy(config_dir / "partners.yaml", PartnersDoc)
    policies = Policies(
        home=config_dir,
        version=_version_of(config_dir),
        sources=load_sources(config_dir / "sources.yaml"),
        costs=load_costs(config_dir / "costs.yaml"),
        playbooks=load_playbooks(config_dir / "playbooks"),
        guards=_gates(guards),
        limits=guards.limits.to_limits(),
        approvals=guards.approvals,
        canary=guards.canary,
        holdout=guards.holdout,
        spillover=guards.spillover,
        conduct={tag: str(sign) for tag, sign in conduct.tags.items()},
        team=read_policy(config_dir / "team.yaml", TeamDoc).to_team(),
        notices=read_policy(config_dir / "notice_rules.yaml", NoticeDoc).to_rules(),
        calendars=Calendars(calendar),
        partners=partners.to_partners(),
        handover_approval=partners.approval,
        conversations=_or_usual(config_dir / "conversations.yaml", ConversationsDoc).to_rules(),
        longest_hold=timedelta(days=guards.longest_hold_days),
        sending=read_policy(config_dir / "sending.yaml", SendingDoc).to_rules(),
        alerts=_or_usual(config_dir / "alerts.yaml", AlertsDoc).to_rules(),
        brand=_or_usual(config_dir / "brand.yaml", BrandDoc).to_brand(config_dir),
        webhooks=_or_usual(config_dir / "webhooks.yaml", WebhooksDoc),
        channels=_or_usual(config_dir / "channels.yaml", ChannelsDoc),
    )
    for playbook in policies.playbooks.values():
        _check_steps(playbook, templates_dir, policies.team, policies.channels.names)
        _refuse_undeclared(playbook, policies.sources)
    _refuse_unfillable("partners.yaml", policies.handover_approval, policies.team)
    return policies


def _or_usual(path: Path, shape: type[Doc]) -> Doc:
    """A config folder of an earlier version has no such file."""
    return read_policy(path, shape) if path.exists() else shape()


def _version_of(config_dir: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(config_dir.rglob("*.yaml")):
        digest.update(f"{path.relative_to(config_dir)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _gates(doc: GuardsDoc) -> Guards:
    bands = {name: _band(band) for name, band in doc.tables.items()}
    people = PeopleBand(doc.customers.share, doc.customers.least, doc.customers.sums)
    return Guards(
        history=doc.history,
        vanished=doc.vanished,
        vanished_least=doc.vanished_least,
        unmatched=doc.unmatched,
        stale_days=doc.stale_days,
        band=_band(doc),
        tables=bands,
        people=people,
    )


def _band(doc: BandDoc) -> Band:
    return Band(doc.rows, doc.sums, doc.empty, doc.least)


def _check_steps(
    playbook: Playbook, templates_dir: Path, team: Team, channels: frozenset[str]
) -> None:
    for rule in playbook.stages:
        where = f"playbook '{playbook.name}', stage '{rule.stage}'"
        for step in rule.steps:
            _refuse_unfillable(where, step.approval, team)
            if step.action is ActionKind.SMS:
                _refuse_without_gateway(where, step, templates_dir, channels)
                continue
            for template in filter(None, (step.template, step.template_overdue)):
                _refuse_wrong_class(where, replace(step, template=template), templates_dir)


def _refuse_undeclared(playbook: Playbook, sources: SourcesConfig) -> None:
    """A number of the company's own is known by its name in sources.yaml, or is a slip."""
    named = [one for one in playbook.conditions() if OWN_PREFIX in one[2]]
    if not named:
        return
    from retention.playbooks.conditions import own_numbers  # a parser, which few need

    there = {f"{OWN_PREFIX}{name}" for name in sources.own_numbers()}
    for what, place, condition in named:
        for name in sorted(own_numbers(condition) - there):
            raise ConfigError(
                f"playbook '{playbook.name}', '{what}'{f' of {place}' if place else ''}",
                f"there is no number '{name}' of your own",
                f"List '{name.removeprefix(OWN_PREFIX)}' under 'numbers' of customers in "
                "sources.yaml, or correct the name.",
            )


def _refuse_without_gateway(
    where: str, step: Step, templates_dir: Path, channels: frozenset[str]
) -> None:
    if step.channel not in channels:
        known = ", ".join(sorted(channels)) or "none"
        raise ConfigError(
            where, f"there is no gateway '{step.channel}'", f"channels.yaml has: {known}."
        )
    front = load_text(templates_dir, step.template or "", None).front
    if (front.message_class is MessageClass.COMMERCIAL) != step.optional:
        raise ConfigError(
            where,
            f"text '{step.template}' is {front.message_class}",
            "What is commercial can be declined: 'optional: true', and only that.",
        )


def _refuse_wrong_class(where: str, step: Step, templates_dir: Path) -> None:
    template = load_template(templates_dir, step.template or "", None)
    legal = step.notice or step.before_end is not None
    if legal != (template.front.message_class == "legal_notice"):
        raise ConfigError(
            where,
            f"template '{step.template}' is {template.front.message_class}",
            "A notice and what follows it need a legal_notice, and only they.",
        )
    if (template.front.message_class == "commercial") != step.optional:
        raise ConfigError(
            where,
            f"template '{step.template}' is {template.front.message_class}",
            "What is commercial can be declined: 'optional: true', and only that.",
        )


def _refuse_unfillable(where: str, approval: tuple[Slot, ...], team: Team) -> None:
    """What waits for a role that nobody has would wait for ever."""
    for slot in approval:
        if slot == {Role.ACCOUNT_MANAGER}:
            continue  # every account has one
        able = {p.person_id for role in slot for p in team.with_role(role)}
        if len(able) < approval.count(slot):
            raise ConfigError(
                where,
                f"{len(able)} people can approve as {'|'.join(sorted(slot))}, "
                f"{approval.count(slot)} must",
                "Give the role to more people in team.yaml, or ask for fewer.",
            )
