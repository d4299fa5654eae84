"""What is stopped, and by whom."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from retention.db.models.foundation import Base


class Switch(Base):
    """What is stopped: everything, a playbook, a stage, or a kind of action."""

    __tablename__ = "switch"

    scope: Mapped[str] = mapped_column(String(140), primary_key=True)
    stopped: Mapped[bool]
    changed_by: Mapped[str]
    reason: Mapped[str]
    changed_at: Mapped[datetime]
