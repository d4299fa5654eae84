"""What an action is for; when a call was agreed for."""

import datetime as dt
import json
from typing import Any

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
        by, at = _who_agreed(connection, row.id) or (row.owner, answers["agreed_at"])
        connection.execute(
            sa.text(
                "INSERT INTO agreed_call (action_id, number, starts_at, agreed_by, agreed_at) "
                "VALUES (:id, :number, :starts, :by, :at)"
            ).bindparams(
                sa.bindparam("starts", type_=sa.DateTime(timezone=True)),
                sa.bindparam("at", type_=sa.DateTime(timezone=True)),
            ),
            {
                "id": row.id,
                "number": int(answers.get("agreed", "0")),
                "starts": _moment(answers["agreed_at"]),
                "by": by,
                "at": _moment(at),
            },
        )
        left = {name: text for name, text in answers.items() if name not in _AGREEMENT}
        update = action.update().where(action.c.id == row.id)
        connection.execute(update.values(answers=left or sa.null()))


def _who_agreed(connection: sa.Connection, action_id: str) -> tuple[str, str] | None:
    row = connection.execute(
        sa.text(
            "SELECT r.document FROM audit_event e JOIN audit_record r ON r.number = e.number "
            "WHERE e.kind = 'call.agreed' AND e.subject = :subject ORDER BY e.number DESC"
        ),
        {"subject": f"action {action_id}"},
    ).first()
    return _by_and_at(row.document) if row else None


def _by_and_at(document: str) -> tuple[str, str]:
    said = json.loads(document)
    return said["by"], said["at"]


def _moment(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).astimezone(dt.UTC)


def _allow_no_step() -> None:
    """What is no step of a playbook has no place in it. SQLite makes the table anew."""
    op.execute("UPDATE action SET purpose = 'step'")
    listed = ", ".join(f"'{purpose}'" for purpose in _PURPOSES)
    checks = {"ck_action_purpose": f"purpose IN ({listed})"}
    if op.get_bind().dialect.name == "sqlite":
        inspected = sa.inspect(op.get_bind()).get_check_constraints("action")
        checks |= {str(found["name"]): found["sqltext"] for found in inspected}
        with op.batch_alter_table("action", recreate="always") as batch_op:
            batch_op.alter_column("purpose", existing_type=_PURPOSE, nullable=False)
            batch_op.alter_column("step", existing_type=sa.Integer(), nullable=True)
            for name, text in checks.items():
                batch_op.create_check_constraint(op.f(name), sa.text(text))
        return
    op.alter_column("action", "purpose", existing_type=_PURPOSE, nullable=False)
    op.alter_column("action", "step", existing_type=sa.Integer(), nullable=True)
    for name, text in checks.items():
        op.create_check_constraint(op.f(name), "action", sa.text(text))


def downgrade() -> None:
    raise NotImplementedError("restore the backup that was made before the upgrade")
