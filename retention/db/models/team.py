"""Who acts for whom."""

from datetime import date, datetime

from sqlalchemy.orm import Mapped, mapped_column

from retention.db.models.foundation import Base


class Delegation(Base):
    """Who acts for whom between two dates, both included."""

    __tablename__ = "delegation"

    id: Mapped[int] = mapped_column(primary_key=True)
    principal_id: Mapped[str] = mapped_column(index=True)
    deputy_id: Mapped[str]
    starts_on: Mapped[date]
    ends_on: Mapped[date]
    reason: Mapped[str]
    author: Mapped[str]
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
