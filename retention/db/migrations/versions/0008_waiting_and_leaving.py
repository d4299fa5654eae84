"""How long messages have waited by rule; what letters are made of; calls that are called off."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Apply."""
    op.add_column("message", sa.Column("waiting_since", _MOMENT, nullable=True))
    op.add_column(
        "message", sa.Column("waited", sa.Integer(), nullable=False, server_default=sa.text("0"))
    )
    op.add_column("rendering", sa.Column("letter", sa.String(), nullable=True))
    op.add_column("agreed_call", sa.Column("cancelled_at", _MOMENT, nullable=True))


def downgrade() -> None:
    raise NotImplementedError("restore the backup that was made before the upgrade")
