"""Work for whoever looks after a case that waits in vain: one more purpose of an action."""

from typing import Literal

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_PURPOSES = ("step", "receipt", "handover", "reply", "notice_check", "retraction", "stuck")
_NAME = "ck_action_purpose"


def upgrade() -> None:
    """Apply. SQLite makes the table anew, and forgets its checks unless they are said again."""
    listed = ", ".join(f"'{purpose}'" for purpose in _PURPOSES)
    checks = {_NAME: f"purpose IN ({listed})"}
    recreate: Literal["auto", "always"] = "auto"
    if op.get_bind().dialect.name == "sqlite":
        inspected = sa.inspect(op.get_bind()).get_check_constraints("action")
        checks = {str(found["name"]): found["sqltext"] for found in inspected} | checks
        recreate = "always"
    with op.batch_alter_table("action", recreate=recreate) as batch_op:
        if recreate == "auto":
            batch_op.drop_constraint(op.f(_NAME), type_="check")
        for name, text in checks.items():
            batch_op.create_check_constraint(op.f(name), sa.text(text))


def downgrade() -> None:
    raise NotImplementedError("restore the backup that was made before the upgrade")
