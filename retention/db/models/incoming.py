"""What came back, and where nothing can be sent any more."""

from datetime import date, datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from retention.db.models.foundation import Base
from retention.domain.incoming import IncomingKind


class Incoming(Base):
    """One message that came in; `id` is a hash of it, so that reading it again changes nothing.

    What it says may be erased; `action_id` is the task that it gave its owner.
    """

    __tablename__ = "incoming"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    kind: Mapped[IncomingKind]
    reason: Mapped[str]
    code: Mapped[str | None] = mapped_column(String(12))
    received_at: Mapped[datetime]
    read_at: Mapped[datetime]
    message_id: Mapped[str | None] = mapped_column(ForeignKey("message.id"), index=True)
    customer_id: Mapped[str | None] = mapped_column(index=True)
    action_id: Mapped[str | None] = mapped_column(ForeignKey("action.id"))
    sender: Mapped[str | None]
    subject: Mapped[str | None]
    text: Mapped[str | None]
    back_on: Mapped[date | None]


class DeadAddress(Base):
    """An address that does not exist or takes nothing from us. A new address is a new chance."""

    __tablename__ = "dead_address"

    address: Mapped[str] = mapped_column(primary_key=True)
    customer_id: Mapped[str] = mapped_column(index=True)
    reason: Mapped[str]
    found_at: Mapped[datetime]
    released_at: Mapped[datetime | None]
    released_by: Mapped[str | None]
