"""What an action is for, its mailing; when a call was agreed for."""

import datetime as dt
from typing import Any, Literal

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_PURPOSES = ("step", "receipt", "handover", "reply", "notice_check", "retraction")
_PURPOSE = sa.Enum(
    *_PURPOSES, name="purpose", native_enum=False, create_constraint=False, length=32
)
_PURPOSE_OF = {95: "receipt", 96: "handover", 97: "reply", 98: "notice_check", 99: "retraction"}
_AGREEMENT = ("agreed", "agreed_at")
_MOMENT = sa.DateTime(timezone=True)
_EVENT = sa.table(
    "audit_event", *map(sa.column, ("number", "kind", "subject")), sa.column("at", _MOMENT)
)
_RECORD = sa.table("audit_record", sa.column("number"), sa.column("document", sa.JSON))
_CALL = sa.table(
    "agreed_call", *map(sa.column, ("action_id", "number", "agreed_by")),
    sa.column("starts_at", _MOMENT), sa.column("agreed_at", _MOMENT),
)  # fmt: skip


def upgrade() -> None:
    """Apply."""
    op.add_column("action", sa.Column("purpose", _PURPOSE, nullable=True))
    op.create_table(
        "agreed_call",
        sa.Column("action_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("agreed_by", sa.String(), nullable=False),
        sa.Column("agreed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["action_id"], ["action.id"], name=op.f("fk_agreed_call_action_id_action")
        ),
        sa.PrimaryKeyConstraint("action_id", name=op.f("pk_agreed_call")),
    )
    _move_agreements()
    _allow_no_step()
    for number, purpose in _PURPOSE_OF.items():
        op.execute(f"UPDATE action SET purpose = '{purpose}', step = NULL WHERE step = {number}")


def _move_agreements() -> None:
    """An agreement stood among the answers of its call; who made it is in the audit."""
    connection = op.get_bind()
    action = sa.table("action", sa.column("id"), sa.column("owner"), sa.column("answers", sa.JSON))
    rows = connection.execute(sa.select(action).where(action.c.answers.is_not(None))).all()
    for row in rows:
        answers: dict[str, Any] = row.answers or {}
        if "agreed_at" not in answers:
            continue
        starts_at = dt.datetime.fromisoformat(answers["agreed_at"]).astimezone(dt.UTC)
        by, at = _who_agreed(connection, row.id) or (row.owner, starts_at)
        number = int(answers.get("agreed", "0"))
        connection.execute(
            _CALL.insert().values(
                action_id=row.id, number=number, starts_at=starts_at, agreed_by=by, agreed_at=at
            )
        )
        left = {name: text for name, text in answers.items() if name not in _AGREEMENT}
        update = action.update().where(action.c.id == row.id)
        connection.execute(update.values(answers=left or sa.null()))


def _who_agreed(connection: sa.Connection, action_id: str) -> tuple[str, dt.datetime] | None:
    found = connection.execute(
        sa.select(_RECORD.c.document, _EVENT.c.at)
        .join(_EVENT, _EVENT.c.number == _RECORD.c.number)
        .where(_EVENT.c.kind == "call.agreed", _EVENT.c.subject == f"action {action_id}")
        .order_by(_EVENT.c.number.desc())
        .limit(1)
    ).first()
    if found is None:
        return None
    at: dt.datetime = found.at
    return found.document["by"], at if at.tzinfo else at.replace(tzinfo=dt.UTC)


def _allow_no_step() -> None:
    """What is no step of a playbook has no place in it; what leaves together is a mailing.

    SQLite makes the table anew, and forgets its checks unless they are said again.
    """
    op.execute("UPDATE action SET purpose = 'step'")
    op.drop_index("ix_action_batch", "action")
    listed = ", ".join(f"'{purpose}'" for purpose in _PURPOSES)
    checks = {"ck_action_purpose": f"purpose IN ({listed})"}
    if op.get_bind().dialect.name == "sqlite":
        inspected = sa.inspect(op.get_bind()).get_check_constraints("action")
        checks |= {str(found["name"]): found["sqltext"] for found in inspected}
    recreate: Literal["auto", "always"] = "always" if len(checks) > 1 else "auto"
    with op.batch_alter_table("action", recreate=recreate) as batch_op:
        batch_op.alter_column("purpose", existing_type=_PURPOSE, nullable=False)
        batch_op.alter_column("step", existing_type=sa.Integer(), nullable=True)
        batch_op.alter_column("batch", new_column_name="mailing")
        for name, text in checks.items():
            batch_op.create_check_constraint(op.f(name), sa.text(text))
    op.create_index("ix_action_mailing", "action", ["mailing"])


def downgrade() -> None:
    raise NotImplementedError("restore the backup that was made before the upgrade")
