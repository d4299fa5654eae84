"""Who accepted which change of the data, and why."""

import sqlalchemy as sa
from alembic import op

from retention.db.types import UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "gate_override",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.Column("table_name", sa.String(), nullable=False),
        sa.Column("found", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("accepted_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gate_override")),
        sa.UniqueConstraint(
            "business_date", "table_name", name=op.f("uq_gate_override_business_date_table_name")
        ),
    )


def downgrade() -> None:
    op.drop_table("gate_override")
