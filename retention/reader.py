"""What a command that only reads needs: the database, the team, where snapshots are.

No playbook is checked and nothing is computed, so such a command answers at once.
"""

from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Engine

from retention.db.session import make_engine
from retention.domain.people import Team
from retention.settings import Settings, get_settings

if TYPE_CHECKING:
    from retention.domain.brand import Brand
    from retention.domain.sending import SendingRules
    from retention.policies.calendars import Calendars


@dataclass(frozen=True)
class Reader:
    """Reads what it is asked for, no more. A broken policy file raises ConfigError when read."""

    settings: Settings

    @cached_property
    def engine(self) -> Engine:
        """The state's database."""
        return make_engine(self.settings.database)

    @property
    def snapshots(self) -> Path:
        """Where snapshots are."""
        return self.settings.snapshots_dir

    @cached_property
    def team(self) -> Team:
        """Everybody who may decide."""
        from retention.policies.team import TeamDoc
        from retention.yaml_files import read_policy

        return read_policy(self.settings.config_dir / "team.yaml", TeamDoc).to_team()

    @cached_property
    def approvals_valid(self) -> timedelta:
        """For how long an approval counts."""
        from retention.policies.approvals import ApprovalsOnly
        from retention.yaml_files import read_policy

        doc = read_policy(self.settings.config_dir / "guards.yaml", ApprovalsOnly)
        return timedelta(hours=doc.approvals.valid_hours)

    @cached_property
    def sending(self) -> "SendingRules":
        """When messages may leave."""
        from retention.policies.sending import SendingDoc
        from retention.yaml_files import read_policy

        return read_policy(self.settings.config_dir / "sending.yaml", SendingDoc).to_rules()

    @cached_property
    def brand(self) -> "Brand":
        """How the company looks."""
        from retention.policies.brand import BrandDoc
        from retention.yaml_files import read_policy

        path = self.settings.config_dir / "brand.yaml"
        doc = read_policy(path, BrandDoc) if path.exists() else BrandDoc()
        return doc.to_brand(self.settings.config_dir)

    @cached_property
    def calendars(self) -> "Calendars":
        """Where people rest, and when."""
        from retention.policies.calendar import CalendarDoc
        from retention.policies.calendars import Calendars
        from retention.yaml_files import read_policy

        return Calendars(read_policy(self.settings.config_dir / "calendar.yaml", CalendarDoc))


def get_reader() -> Reader:
    """Return a reader of what this process's settings name."""
    return Reader(get_settings())
