"""Rounds of the flows without dates, what ops were told of, nights that were taken up again."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_TROUBLES = (
    "night_failed", "night_held", "night_late", "round_failed", "delivery_stopped",
    "delivery_silent", "queue_old",
)  # fmt: skip


def upgrade() -> None:
    """Apply."""
    op.add_column("run", sa.Column("taken_up_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "round",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("flow", sa.String(length=40), nullable=False),
        sa.Column("state", _one_of("roundstate", "running", "completed", "failed"), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("summary", sa.JSON(), nullable=True),
        sa.Column("why", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_round")),
    )
    op.create_index("ix_round_flow", "round", ["flow"])
    op.create_index("ix_round_started_at", "round", ["started_at"])
    op.create_table(
        "alert",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", _one_of("troublekind", *_TROUBLES), nullable=False),
        sa.Column("key", sa.String(length=80), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("over_told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("telling_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert")),
    )
    op.create_index("ix_alert_opened_at", "alert", ["opened_at"])
    still_open = sa.text("closed_at IS NULL")
    op.create_index("uq_alert_open", "alert", ["kind", "key"], unique=True,
                    sqlite_where=still_open, postgresql_where=still_open)  # fmt: skip


def _one_of(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=32)


def downgrade() -> None:
    raise NotImplementedError("restore the backup that was made before the upgrade")
