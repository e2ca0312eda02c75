"""Endpoints of webhooks, what became of each message, policies to look for, explanations."""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_NAME = sa.String(200)


def upgrade() -> None:
    """Add tables and columns; the one address of each tenant becomes its first endpoint."""
    endpoints = op.create_table(
        "webhook_endpoints",
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("tenant", _NAME, nullable=False),
        sa.Column("url", sa.String(2000), nullable=False),
        sa.Column("events", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_endpoints"),
    )
    op.create_index("ix_webhook_endpoints_tenant", "webhook_endpoints", ["tenant"])
    connection = op.get_bind()
    known = connection.execute(
        sa.text(
            "SELECT name, webhook_url, created_at FROM tenants "
            "WHERE webhook_url IS NOT NULL AND webhook_url <> ''"
        )
    )
    rows = [
        {
            "id": f"we_{secrets.token_hex(16)}",
            "tenant": row.name,
            "url": row.webhook_url,
            "events": "",
            "created_at": row.created_at,
        }
        for row in known
    ]
    if rows:
        op.bulk_insert(endpoints, rows)
    op.drop_column("tenants", "webhook_url")
    op.add_column("outbox", sa.Column("delivered_at", sa.BigInteger))
    op.add_column("outbox", sa.Column("cause", _NAME))
    op.create_index("ix_outbox_tenant_created_at", "outbox", ["tenant", "created_at"])
    op.add_column("transactions", sa.Column("policy", _NAME))
    op.create_table(
        "explanations",
        sa.Column("transaction", sa.String(40), nullable=False),
        sa.Column("attempt", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("transaction", name="pk_explanations"),
    )
