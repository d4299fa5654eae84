"""The ladder as law: exclusions, waivers, holdouts, offers, hand-overs, batches, switches, audit."""

import datetime as dt

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_RUN_STATES = ("running", "completed", "held", "failed", "skipped_late", "backfilled")
_EVENTS = (
    "opened", "stage_entered", "reviewed", "conversation", "notice_voided", "closed"
)  # fmt: skip
_DECISIONS = ("open", "wait", "propose", "advance", "close", "void_notice")
_ROLES = (
    "viewer", "reviewer", "approver", "account_manager", "finance", "director", "ops", "auditor"
)  # fmt: skip
_CODES = (
    "wrong_data", "wrong_customer", "wrong_time", "wrong_tone", "in_contact", "too_hard",
    "no_use", "other",
)  # fmt: skip
_CLASSES = ("commercial", "service", "legal_notice")


def one_of(name: str, *values: str) -> sa.Enum:
    """Return a text column that holds one of the values."""
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=32)


def upgrade() -> None:
    """Apply."""
    _new_tables()
    _new_columns()
    _move_offers()
    op.drop_column("rendering", "content_hash")
    _allow("run", {"ck_run_runstate": ("state", _RUN_STATES)})
    _allow("case_event", {"ck_case_event_caseeventkind": ("kind", _EVENTS)})
    _allow("receipt", {"ck_receipt_decisionkind": ("decision", _DECISIONS)})
    _allow(
        "approval",
        {"ck_approval_role": ("role", _ROLES), "ck_approval_reasoncode": ("code", _CODES)},
        without="uq_approval_action_id_person_id",
    )
    op.create_index("ix_approval_action_id", "approval", ["action_id"])


def _in(column: str, values: tuple[str, ...]) -> str:
    listed = ", ".join(f"'{value}'" for value in values)
    return f"{column} IN ({listed})"


def _allow(table: str, checks: dict[str, tuple[str, tuple[str, ...]]], without: str = "") -> None:
    """Let columns hold more values. SQLite makes the table anew, which forgets its checks."""
    wanted = {name: _in(*check) for name, check in checks.items()}
    found = {
        c["name"]: c["sqltext"] for c in sa.inspect(op.get_bind()).get_check_constraints(table)
    }
    if op.get_bind().dialect.name == "sqlite":
        with op.batch_alter_table(table, recreate="always") as batch_op:
            for name, text in (found | wanted).items():
                batch_op.create_check_constraint(op.f(name), sa.text(text))
            if without:
                batch_op.drop_constraint(op.f(without), type_="unique")
        return
    for name, text in wanted.items():
        if name in found:
            op.drop_constraint(op.f(name), table, type_="check")
        op.create_check_constraint(op.f(name), table, sa.text(text))
    if without:
        op.drop_constraint(op.f(without), table, type_="unique")


def _new_columns() -> None:
    op.add_column("action", sa.Column("answers", sa.JSON(), nullable=True))
    op.add_column("action", sa.Column("batch", sa.String(length=120), nullable=True))
    op.add_column("action", sa.Column("snapshot_hash", sa.String(length=64), nullable=True))
    op.add_column("action", sa.Column("proof", sa.String(length=32), nullable=True))
    op.add_column("action", sa.Column("edited_by", sa.String(), nullable=True))
    op.add_column("action", sa.Column("voided_on", sa.Date(), nullable=True))
    op.add_column("action", sa.Column("snoozed_until", sa.Date(), nullable=True))
    op.add_column("action", sa.Column("escalated_on", sa.Date(), nullable=True))
    op.create_index("ix_action_batch", "action", ["batch"])
    op.add_column("approval", sa.Column("on_behalf_of", sa.String(), nullable=True))
    op.add_column("approval", sa.Column("code", sa.String(length=32), nullable=True))
    op.add_column("approval", sa.Column("dwell_seconds", sa.Integer(), nullable=True))
    op.execute(
        "ALTER TABLE rendering ADD COLUMN message_class VARCHAR(32) DEFAULT 'service' NOT NULL "
        f"CONSTRAINT ck_rendering_messageclass CHECK ({_in('message_class', _CLASSES)})"
    )
    op.execute(
        "UPDATE rendering SET message_class = 'legal_notice' WHERE action_id IN "
        "(SELECT id FROM action WHERE effective_on IS NOT NULL)"
    )


def _move_offers() -> None:
    """What proposals had offered becomes the first version of an offer."""
    action = sa.table("action")
    columns = [sa.column(name) for name in ("id", "case_id", "stage", "state")]
    columns += [sa.column("proposed_on", sa.Date()), sa.column("current_fee"), sa.column("new_fee")]
    rows = op.get_bind().execute(
        sa.select(*columns).select_from(action).where(sa.column("new_fee").is_not(None))
    )
    states = {"done": "sent", "approved": "approved", "pending_approval": "draft"}
    made = [
        {
            "id": row.id,
            "action_id": row.id,
            "case_id": row.case_id,
            "stage": row.stage,
            "version": 1,
            "kind": "prepaid" if row.stage == "migrate" else "price",
            "state": states.get(row.state, "voided"),
            "current_fee": row.current_fee,
            "new_fee": row.new_fee,
            "currency": "EUR",
            "expires_on": row.proposed_on + dt.timedelta(days=30),
        }
        for row in rows
    ]
    if made:
        types = {"expires_on": sa.Date()}
        keys = [sa.column(name, types.get(name)) for name in made[0]]
        op.bulk_insert(sa.table("offer", *keys), made)
    op.drop_column("action", "current_fee")
    op.drop_column("action", "new_fee")


def _new_tables() -> None:
    op.create_table(
        "audit_event",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.String(length=60), nullable=False),
        sa.Column("subject", sa.String(length=80), nullable=False),
        sa.Column("record_hash", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit_event")),
    )
    with op.batch_alter_table("audit_event", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_audit_event_kind"), ["kind"], unique=False)
        batch_op.create_index(batch_op.f("ix_audit_event_subject"), ["subject"], unique=False)

    op.create_table(
        "batch",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.Column("effect", sa.String(length=32), nullable=False),
        sa.Column("wanted", sa.Integer(), nullable=False),
        sa.Column("allowed", sa.Integer(), nullable=False),
        sa.Column("customers", sa.JSON(), nullable=False),
        sa.Column(
            "state",
            one_of("batchstate", "held", "released", "refused", "superseded", "used"),
            nullable=False,
        ),
        sa.Column("first_by", sa.String(), nullable=True),
        sa.Column("decided_by", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batch")),
        sa.UniqueConstraint("business_date", "effect", name=op.f("uq_batch_business_date_effect")),
    )
    op.create_table(
        "delegation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("principal_id", sa.String(), nullable=False),
        sa.Column("deputy_id", sa.String(), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delegation")),
    )
    with op.batch_alter_table("delegation", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_delegation_principal_id"), ["principal_id"], unique=False
        )

    op.create_table(
        "exclusion",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column(
            "kind", one_of("exclusionkind", "hold", "exemption", "suppression"), nullable=False
        ),
        sa.Column("scope", sa.String(length=32), nullable=False),
        sa.Column(
            "reason",
            one_of(
                "exclusionreason",
                "promise_to_pay",
                "complaint",
                "dispute",
                "hardship",
                "vulnerable",
                "legal",
                "negotiating",
                "contested",
                "strategic",
                "do_not_disturb",
                "unsubscribed",
                "bounced",
                "other",
            ),
            nullable=False,
        ),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("released_by", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exclusion")),
    )
    with op.batch_alter_table("exclusion", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_exclusion_customer_id"), ["customer_id"], unique=False)

    op.create_table(
        "holdout",
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("playbook", one_of("playbookname", "restore", "retain"), nullable=False),
        sa.Column("group_key", sa.String(), nullable=False),
        sa.Column("arm", one_of("arm", "treated", "holdout"), nullable=False),
        sa.Column("assigned_on", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("customer_id", "playbook", name=op.f("pk_holdout")),
    )
    with op.batch_alter_table("holdout", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_holdout_group_key"), ["group_key"], unique=False)

    op.create_table(
        "switch",
        sa.Column("scope", sa.String(length=140), nullable=False),
        sa.Column("stopped", sa.Boolean(), nullable=False),
        sa.Column("changed_by", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("scope", name=op.f("pk_switch")),
    )
    op.create_table(
        "audit_record",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("customer_id", sa.String(), nullable=True),
        sa.Column("salt", sa.String(length=32), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["number"], ["audit_event.number"], name=op.f("fk_audit_record_number_audit_event")
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit_record")),
    )
    with op.batch_alter_table("audit_record", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_audit_record_customer_id"), ["customer_id"], unique=False
        )

    op.create_table(
        "handover",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("case_id", sa.String(length=36), nullable=False),
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("partner_id", sa.String(), nullable=False),
        sa.Column(
            "state",
            one_of(
                "handoverstate",
                "offered",
                "consented",
                "requested",
                "confirmed",
                "refused",
                "withdrawn",
            ),
            nullable=False,
        ),
        sa.Column("changed_by", sa.String(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("note", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["case.id"], name=op.f("fk_handover_case_id_case")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handover")),
        sa.UniqueConstraint("case_id", "partner_id", name=op.f("uq_handover_case_id_partner_id")),
    )
    with op.batch_alter_table("handover", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_handover_case_id"), ["case_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_handover_partner_id"), ["partner_id"], unique=False)

    op.create_table(
        "waiver",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("case_id", sa.String(length=36), nullable=False),
        sa.Column(
            "stage",
            one_of(
                "stage",
                "reassess",
                "educate",
                "renegotiate",
                "migrate",
                "terminate",
                "listen",
                "reward",
            ),
            nullable=False,
        ),
        sa.Column(
            "state", one_of("waiverstate", "requested", "granted", "refused"), nullable=False
        ),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("requested_by", sa.String(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.String(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("note", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["case.id"], name=op.f("fk_waiver_case_id_case")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_waiver")),
        sa.UniqueConstraint("case_id", "stage", name=op.f("uq_waiver_case_id_stage")),
    )
    with op.batch_alter_table("waiver", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_waiver_case_id"), ["case_id"], unique=False)

    op.create_table(
        "comment",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("action_id", sa.String(length=36), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("said_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["action_id"], ["action.id"], name=op.f("fk_comment_action_id_action")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_comment")),
    )
    with op.batch_alter_table("comment", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_comment_action_id"), ["action_id"], unique=False)

    op.create_table(
        "offer",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("action_id", sa.String(length=36), nullable=False),
        sa.Column("case_id", sa.String(length=36), nullable=False),
        sa.Column(
            "stage",
            one_of(
                "stage",
                "reassess",
                "educate",
                "renegotiate",
                "migrate",
                "terminate",
                "listen",
                "reward",
            ),
            nullable=False,
        ),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column(
            "kind",
            one_of("offerkind", "price", "prepaid", "service", "channel", "partner"),
            nullable=False,
        ),
        sa.Column(
            "state",
            one_of(
                "offerstate",
                "draft",
                "approved",
                "sent",
                "viewed",
                "countered",
                "accepted",
                "declined",
                "expired",
                "voided",
            ),
            nullable=False,
        ),
        sa.Column("current_fee", sa.BigInteger(), nullable=True),
        sa.Column("new_fee", sa.BigInteger(), nullable=True),
        sa.Column("detail", sa.String(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("expires_on", sa.Date(), nullable=False),
        sa.Column("counter_fee", sa.BigInteger(), nullable=True),
        sa.Column("answered_on", sa.Date(), nullable=True),
        sa.Column("answered_by", sa.String(), nullable=True),
        sa.Column("note", sa.String(), nullable=True),
        sa.Column(
            "void_reason",
            one_of("voidreason", "manual", "superseded", "case_moved_on", "not_sent"),
            nullable=True,
        ),
        sa.ForeignKeyConstraint(
            ["action_id"], ["action.id"], name=op.f("fk_offer_action_id_action")
        ),
        sa.ForeignKeyConstraint(["case_id"], ["case.id"], name=op.f("fk_offer_case_id_case")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_offer")),
        sa.UniqueConstraint("action_id", name=op.f("uq_offer_action_id")),
    )
    with op.batch_alter_table("offer", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_offer_case_id"), ["case_id"], unique=False)

    op.create_table(
        "viewing",
        sa.Column("action_id", sa.String(length=36), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("shown_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["action_id"], ["action.id"], name=op.f("fk_viewing_action_id_action")
        ),
        sa.PrimaryKeyConstraint("action_id", "person_id", "content_hash", name=op.f("pk_viewing")),
    )


def downgrade() -> None:
    raise NotImplementedError("restore the backup that was made before the upgrade")
