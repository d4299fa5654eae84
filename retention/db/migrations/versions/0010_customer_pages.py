"""Customers' pages: links, answers, plans, preferences; events in and out; texts."""

from typing import Literal

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)
_SAID = (
    "accept", "counter", "decline", "ask", "contest", "more_time", "hardship", "plan", "paid",
    "wrong", "score", "call", "prefer",
)  # fmt: skip
_PAGES = ("offer", "notice", "debt", "survey", "call", "preferences")
_DOUBTS = ("right_after_delivery", "faster_than_reading", "many_links_at_once")
_PURPOSES = (
    "step", "receipt", "handover", "reply", "notice_check", "retraction", "stuck", "callback",
)  # fmt: skip
_KINDS = ("email", "call", "letter", "review", "sms")
_TROUBLES = (
    "night_failed", "night_held", "night_late", "round_failed", "delivery_stopped",
    "delivery_silent", "queue_old", "webhooks_given_up",
)  # fmt: skip
_REASONS = (
    "promise_to_pay", "complaint", "dispute", "hardship", "vulnerable", "legal", "negotiating",
    "contested", "strategic", "do_not_disturb", "unsubscribed", "bounced", "other", "paid",
    "paused", "address_changed",
)  # fmt: skip


def _text(name: str, length: int | None = None, *, null: bool = False) -> sa.Column:
    return sa.Column(name, sa.String(length) if length else sa.String(), nullable=null)


def _moment(name: str, *, null: bool = False) -> sa.Column:
    return sa.Column(name, _MOMENT, nullable=null)


def _one_of(name: str, enum: str, values: tuple[str, ...], *, null: bool = False) -> sa.Column:
    kind = sa.Enum(*values, name=enum, native_enum=False, create_constraint=True, length=32)
    return sa.Column(name, kind, nullable=null)


def _of_action(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["action_id"], ["action.id"], name=op.f(f"fk_{table}_action_id_action")
    )


def upgrade() -> None:
    """Apply."""
    _links_and_answers()
    _events()
    op.add_column("rendering", sa.Column("pages", sa.JSON(), nullable=True))
    op.add_column("rendering", sa.Column("topic", sa.String(24), nullable=True))
    op.add_column("offer", sa.Column("confirmed_on", sa.Date(), nullable=True))
    _allow("action", {"purpose": ("purpose", _PURPOSES), "actionkind": ("kind", _KINDS)})
    _allow("exclusion", {"exclusionreason": ("reason", _REASONS)})
    _allow("alert", {"troublekind": ("kind", _TROUBLES)})


def _links_and_answers() -> None:
    op.create_table(
        "customer_link",
        _text("token_hash", 64),
        _one_of("purpose", "pagepurpose", _PAGES),
        _text("action_id", 36),
        _text("customer_id"),
        _moment("made_at"),
        _moment("ends_at"),
        _moment("revoked_at", null=True),
        _of_action("customer_link"),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_customer_link")),
    )
    op.create_index(op.f("ix_customer_link_action_id"), "customer_link", ["action_id"])
    op.create_index(op.f("ix_customer_link_customer_id"), "customer_link", ["customer_id"])
    op.create_table(
        "submission",
        sa.Column("id", sa.Integer(), nullable=False),
        _text("action_id", 36),
        _text("customer_id"),
        _one_of("purpose", "pagepurpose", _PAGES),
        sa.Column("number", sa.Integer(), nullable=False),
        _one_of("said", "said", _SAID),
        sa.Column("values", sa.JSON(), nullable=True),
        _moment("said_at"),
        _one_of("doubt", "doubt", _DOUBTS, null=True),
        _of_action("submission"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_submission")),
        sa.UniqueConstraint(
            "action_id", "purpose", "number", name=op.f("uq_submission_action_id_purpose_number")
        ),
    )
    op.create_index(op.f("ix_submission_customer_id"), "submission", ["customer_id"])
    op.create_table(
        "instalment_plan",
        sa.Column("id", sa.Integer(), nullable=False),
        _text("customer_id"),
        _text("action_id", 36),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        _text("currency", 3),
        sa.Column("parts", sa.Integer(), nullable=False),
        sa.Column("first_on", sa.Date(), nullable=False),
        _one_of("state", "planstate", ("running", "kept", "broken")),
        _moment("agreed_at"),
        sa.Column("closed_on", sa.Date(), nullable=True),
        sa.Column("exclusion_id", sa.Integer(), nullable=True),
        _of_action("instalment_plan"),
        sa.ForeignKeyConstraint(
            ["exclusion_id"], ["exclusion.id"],
            name=op.f("fk_instalment_plan_exclusion_id_exclusion"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_instalment_plan")),
    )  # fmt: skip
    op.create_index(op.f("ix_instalment_plan_customer_id"), "instalment_plan", ["customer_id"])
    op.create_table(
        "preference",
        _text("customer_id"),
        _text("language", 8, null=True),
        _text("channel", 16, null=True),
        sa.Column("texts", sa.Boolean(), nullable=True),
        _moment("changed_at"),
        sa.PrimaryKeyConstraint("customer_id", name=op.f("pk_preference")),
    )


def _events() -> None:
    op.create_table(
        "api_key",
        _text("key_hash", 64),
        _text("name", 60),
        sa.Column("kinds", sa.JSON(), nullable=True),
        _moment("made_at"),
        _moment("revoked_at", null=True),
        sa.PrimaryKeyConstraint("key_hash", name=op.f("pk_api_key")),
    )
    op.create_table(
        "received_event",
        _text("source", 60),
        _text("id", 120),
        _text("kind", 40),
        _text("customer_id"),
        _moment("happened_at"),
        _moment("received_at"),
        sa.Column("values", sa.JSON(), nullable=True),
        _text("effect", 300),
        sa.PrimaryKeyConstraint("source", "id", name=op.f("pk_received_event")),
    )
    op.create_table(
        "webhook_event",
        _text("id", 64),
        _text("kind", 40),
        _text("subject", 80),
        _text("customer_id", null=True),
        sa.Column("document", sa.JSON(), nullable=False),
        _moment("made_at"),
        _moment("not_before"),
        _moment("withdrawn_at", null=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_event")),
    )
    op.create_table(
        "webhook_delivery",
        _text("event_id", 64),
        _text("receiver", 60),
        _text("state", 16),
        sa.Column("attempts", sa.Integer(), nullable=False),
        _moment("next_at"),
        sa.Column("last_code", sa.Integer(), nullable=True),
        _text("last_text", 200, null=True),
        _moment("delivered_at", null=True),
        sa.ForeignKeyConstraint(
            ["event_id"], ["webhook_event.id"],
            name=op.f("fk_webhook_delivery_event_id_webhook_event"),
        ),
        sa.PrimaryKeyConstraint("event_id", "receiver", name=op.f("pk_webhook_delivery")),
    )  # fmt: skip
    for table, columns in (
        ("received_event", ("kind", "customer_id")),
        ("webhook_event", ("kind", "subject", "customer_id")),
    ):
        for column in columns:
            op.create_index(op.f(f"ix_{table}_{column}"), table, [column])
    op.create_index(op.f("ix_webhook_delivery_state_next_at"), "webhook_delivery",
                    ["state", "next_at"])  # fmt: skip


def _allow(table: str, wider: dict[str, tuple[str, tuple[str, ...]]]) -> None:
    """Allow more values. SQLite makes the table anew, and forgets its checks unless said again."""
    checks = {}
    for enum, (column, values) in wider.items():
        listed = ", ".join(f"'{value}'" for value in values)
        checks[f"ck_{table}_{enum}"] = f"{column} IN ({listed})"
    recreate: Literal["auto", "always"] = "auto"
    wanted = dict(checks)
    if op.get_bind().dialect.name == "sqlite":
        inspected = sa.inspect(op.get_bind()).get_check_constraints(table)
        checks = {str(found["name"]): found["sqltext"] for found in inspected} | checks
        recreate = "always"
    with op.batch_alter_table(table, recreate=recreate) as batch_op:
        if recreate == "auto":
            for name in wanted:
                batch_op.drop_constraint(op.f(name), type_="check")
        for name, text in checks.items():
            batch_op.create_check_constraint(op.f(name), sa.text(text))


def downgrade() -> None:
    raise NotImplementedError("restore the backup that was made before the upgrade")
