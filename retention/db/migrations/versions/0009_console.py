"""The console: accounts, sessions, links, drafts, saved views, claims; edited messages; its lists."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)


def _text(name: str, length: int, *, null: bool = False) -> sa.Column:
    return sa.Column(name, sa.String(length), nullable=null)


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "account",
        _text("person_id", 64),
        sa.Column("password_hash", sa.String(), nullable=True),
        sa.Column("password_set_at", _MOMENT, nullable=True),
        _text("language", 8, null=True),
        _text("scheme", 8),
        sa.Column("keys", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_account")),
    )
    op.create_table(
        "web_session",
        _text("token_hash", 64),
        _text("person_id", 64),
        _text("csrf", 64),
        sa.Column("started_at", _MOMENT, nullable=False),
        sa.Column("seen_at", _MOMENT, nullable=False),
        _text("browser", 200),
        _text("how", 16),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_web_session")),
    )
    op.create_index(op.f("ix_web_session_person_id"), "web_session", ["person_id"])
    op.create_table(
        "sign_in_link",
        _text("token_hash", 64),
        _text("person_id", 64),
        _text("purpose", 16),
        sa.Column("made_at", _MOMENT, nullable=False),
        sa.Column("ends_at", _MOMENT, nullable=False),
        sa.Column("used_at", _MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_sign_in_link")),
    )
    op.create_index(op.f("ix_sign_in_link_person_id"), "sign_in_link", ["person_id"])
    op.create_table(
        "sign_in_attempt",
        sa.Column("id", sa.Integer(), nullable=False),
        _text("who", 64),
        _text("address", 64),
        sa.Column("at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in_attempt")),
    )
    for column in ("who", "address", "at"):
        op.create_index(op.f(f"ix_sign_in_attempt_{column}"), "sign_in_attempt", [column])
    op.create_table(
        "draft",
        _text("action_id", 36),
        _text("person_id", 64),
        _text("form", 32),
        sa.Column("values", sa.JSON(), nullable=False),
        sa.Column("saved_at", _MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["action_id"], ["action.id"], name=op.f("fk_draft_action_id_action")
        ),
        sa.PrimaryKeyConstraint("action_id", "person_id", "form", name=op.f("pk_draft")),
    )
    op.create_table(
        "saved_view",
        sa.Column("id", sa.Integer(), nullable=False),
        _text("person_id", 64),
        _text("name", 60),
        _text("query", 500),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_view")),
        sa.UniqueConstraint("person_id", "name", name=op.f("uq_saved_view_person_id_name")),
    )
    op.create_index(op.f("ix_saved_view_person_id"), "saved_view", ["person_id"])
    op.create_table(
        "claim",
        _text("action_id", 36),
        _text("person_id", 64),
        sa.Column("until", _MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["action_id"], ["action.id"], name=op.f("fk_claim_action_id_action")
        ),
        sa.PrimaryKeyConstraint("action_id", name=op.f("pk_claim")),
    )
    op.add_column("approval", sa.Column("withdrawn_at", _MOMENT, nullable=True))
    op.add_column("rendering", sa.Column("edits", sa.JSON(), nullable=True))
    op.add_column("rendering", sa.Column("edited_at", _MOMENT, nullable=True))
    for columns in (
        ["state", "due_on", "id"],
        ["state", "purpose", "due_on", "id"],
        ["state", "kind", "due_on", "id"],
        ["state", "owner", "due_on", "id"],
        ["state", "snoozed_until"],
    ):
        op.create_index(op.f(f"ix_action_{'_'.join(columns)}"), "action", columns)
    op.create_index(op.f("ix_receipt_action_id"), "receipt", ["action_id"])


def downgrade() -> None:
    raise NotImplementedError("restore the backup that was made before the upgrade")
