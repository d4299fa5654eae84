"""Delivery that can be trusted: what waits and why, where answers go, what came back."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_KINDS = (
    "hard_bounce", "soft_bounce", "delayed", "delivered", "complaint", "out_of_office",
    "auto_reply", "unsubscribe", "reply", "other",
)  # fmt: skip


def upgrade() -> None:
    """Apply."""
    op.add_column("message", sa.Column("waiting_for", sa.String(), nullable=True))
    op.add_column("message", sa.Column("held_by", sa.String(), nullable=True))
    op.create_index("ix_delivery_attempt_started_at", "delivery_attempt", ["started_at"])
    _renderings()
    op.create_table(
        "incoming",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(*_KINDS, name="incomingkind", native_enum=False, create_constraint=True,
                    length=32),
            nullable=False,
        ),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("code", sa.String(length=12), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("message_id", sa.String(length=36), nullable=True),
        sa.Column("customer_id", sa.String(), nullable=True),
        sa.Column("action_id", sa.String(length=36), nullable=True),
        sa.Column("sender", sa.String(), nullable=True),
        sa.Column("subject", sa.String(), nullable=True),
        sa.Column("text", sa.String(), nullable=True),
        sa.Column("back_on", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(
            ["message_id"], ["message.id"], name=op.f("fk_incoming_message_id_message")
        ),
        sa.ForeignKeyConstraint(
            ["action_id"], ["action.id"], name=op.f("fk_incoming_action_id_action")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incoming")),
    )  # fmt: skip
    op.create_index("ix_incoming_message_id", "incoming", ["message_id"])
    op.create_index("ix_incoming_customer_id", "incoming", ["customer_id"])
    op.create_table(
        "dead_address",
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("released_by", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("address", name=op.f("pk_dead_address")),
    )
    op.create_index("ix_dead_address_customer_id", "dead_address", ["customer_id"])


def _renderings() -> None:
    """What was written before has its own id as its token: nobody could have answered to it."""
    for name, size in (("return_path", None), ("token", 64), ("place", 8)):
        column = sa.Column(name, sa.String(length=size), nullable=False, server_default="")
        op.add_column("rendering", column)
    op.add_column("rendering", sa.Column("timezone", sa.String(length=64), nullable=True))
    op.execute("UPDATE rendering SET return_path = sender, token = action_id")
    op.create_index("ix_rendering_token", "rendering", ["token"], unique=True)


def downgrade() -> None:
    raise NotImplementedError("restore the backup that was made before the upgrade")
