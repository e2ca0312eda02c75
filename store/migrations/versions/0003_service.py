"""What the service keeps: tenants and their keys, transactions, media, jobs, evidence, webhooks."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_NAME = sa.String(200)
_ROW_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "chains",
        sa.Column("tenant", _NAME, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("head", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("tenant", name="pk_chains"),
    )
    op.create_table(
        "evidence",
        sa.Column("tenant", _NAME, nullable=False),
        sa.Column("sequence", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("transaction", sa.String(64), nullable=False),
        sa.Column("recorded_at", sa.BigInteger, nullable=False),
        sa.Column("line", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "sequence", name="pk_evidence"),
    )
    op.create_index("ix_evidence_transaction", "evidence", ["transaction"])
    op.create_table(
        "failures",
        sa.Column("id", _ROW_ID, autoincrement=True, nullable=False),
        sa.Column("tenant", _NAME, nullable=False),
        sa.Column("who", sa.LargeBinary(32), nullable=False),
        sa.Column("failed_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_failures"),
    )
    op.create_index("ix_failures_failed_at", "failures", ["failed_at"])
    op.create_index("ix_failures_tenant_who_failed_at", "failures", ["tenant", "who", "failed_at"])
    op.create_table(
        "idempotency",
        sa.Column("tenant", _NAME, nullable=False),
        sa.Column("key", _NAME, nullable=False),
        sa.Column("request_digest", sa.LargeBinary(32), nullable=False),
        sa.Column("transaction", sa.String(40), nullable=False),
        sa.Column("sealed_answer", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "key", name="pk_idempotency"),
    )
    op.create_index("ix_idempotency_created_at", "idempotency", ["created_at"])
    op.create_table(
        "jobs",
        sa.Column("id", _ROW_ID, autoincrement=True, nullable=False),
        sa.Column("tenant", _NAME, nullable=False),
        sa.Column("transaction", sa.String(40), nullable=False),
        sa.Column("ready_at", sa.BigInteger, nullable=False),
        sa.Column("lease", sa.String(40)),
        sa.Column("leases", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
        sa.UniqueConstraint("transaction", name="uq_jobs_transaction"),
    )
    op.create_index("ix_jobs_ready_at", "jobs", ["ready_at"])
    op.create_table(
        "media_parts",
        sa.Column("upload", sa.String(40), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("transaction", sa.String(40), nullable=False),
        sa.Column("stored_at", sa.BigInteger, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("upload", "number", name="pk_media_parts"),
    )
    op.create_index("ix_media_parts_stored_at", "media_parts", ["stored_at"])
    op.create_index("ix_media_parts_transaction", "media_parts", ["transaction"])
    op.create_table(
        "outbox",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("tenant", _NAME, nullable=False),
        sa.Column("url", sa.String(2000), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("next_at", sa.BigInteger),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
    )
    op.create_index("ix_outbox_next_at", "outbox", ["next_at"])
    op.create_table(
        "policies",
        sa.Column("tenant", _NAME, nullable=False),
        sa.Column("id", _NAME, nullable=False),
        sa.Column("version", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id", "version", name="pk_policies"),
    )
    op.create_table(
        "seen_media",
        sa.Column("tenant", _NAME, nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("transaction", sa.String(40), nullable=False),
        sa.Column("seen_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "digest", name="pk_seen_media"),
    )
    op.create_index("ix_seen_media_seen_at", "seen_media", ["seen_at"])
    op.create_table(
        "tenants",
        sa.Column("name", _NAME, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("requests_per_minute", sa.Integer, nullable=False),
        sa.Column("concurrent", sa.Integer, nullable=False),
        sa.Column("webhook_url", sa.String(2000)),
        sa.Column("sealed_webhook_secret", sa.LargeBinary),
        sa.PrimaryKeyConstraint("name", name="pk_tenants"),
    )
    op.create_table(
        "transactions",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("tenant", _NAME, nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("sandbox", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("completed_at", sa.BigInteger),
        sa.Column("keep_until", sa.BigInteger),
        sa.Column("erased_at", sa.BigInteger),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("outcome", sa.String(20)),
        sa.Column("final_outcome", sa.String(20)),
        sa.Column("first_cause", _NAME),
        sa.Column("upload_digest", sa.LargeBinary(32), nullable=False),
        sa.Column("nonce", sa.String(64)),
        sa.Column("challenge_expires_at", sa.BigInteger),
        sa.Column("challenges", sa.Integer, nullable=False),
        sa.Column("subject_digest", sa.LargeBinary(32)),
        sa.Column("device_digest", sa.LargeBinary(32)),
        sa.Column("sealed_request", sa.LargeBinary),
        sa.Column("sealed_challenge", sa.LargeBinary),
        sa.Column("sealed_capture", sa.LargeBinary),
        sa.Column("sealed_verdict", sa.LargeBinary),
        sa.Column("sealed_review", sa.LargeBinary),
        sa.PrimaryKeyConstraint("id", name="pk_transactions"),
    )
    op.create_index("ix_transactions_keep_until", "transactions", ["keep_until"])
    op.create_index("ix_transactions_state_expires_at", "transactions", ["state", "expires_at"])
    op.create_index("ix_transactions_tenant_created_at", "transactions", ["tenant", "created_at"])
    op.create_index(
        "ix_transactions_tenant_outcome_final_outcome",
        "transactions",
        ["tenant", "outcome", "final_outcome"],
    )
    op.create_table(
        "api_keys",
        sa.Column("prefix", sa.String(12), nullable=False),
        sa.Column("tenant", _NAME, nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("sandbox", sa.Boolean, nullable=False),
        sa.Column("label", _NAME, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger),
        sa.Column("revoked_at", sa.BigInteger),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.name"], name="fk_api_keys_tenants"),
        sa.PrimaryKeyConstraint("prefix", name="pk_api_keys"),
    )
    op.create_index("ix_api_keys_tenant", "api_keys", ["tenant"])
    op.create_table(
        "media",
        sa.Column("transaction", sa.String(40), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("upload", sa.String(40), nullable=False),
        sa.Column("sha256", sa.LargeBinary(32), nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("stored_at", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(["transaction"], ["transactions.id"], name="fk_media_transactions"),
        sa.PrimaryKeyConstraint("transaction", "kind", name="pk_media"),
    )
    op.create_index("ix_media_upload", "media", ["upload"])


def downgrade() -> None:
    """Drop the tables, and with them every transaction and its evidence."""
    for table in (
        "media",
        "api_keys",
        "transactions",
        "tenants",
        "seen_media",
        "policies",
        "outbox",
        "media_parts",
        "jobs",
        "idempotency",
        "failures",
        "evidence",
        "chains",
    ):
        op.drop_table(table)
