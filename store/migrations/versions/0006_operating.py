"""What operating asks for: proof of writing, turns of tenants, two webhook secrets, named keys."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_NAME = sa.String(200)


def upgrade() -> None:
    """Add tables and columns; what an older release wrote is read as before."""
    op.create_table(
        "heartbeats",
        sa.Column("name", _NAME, nullable=False),
        sa.Column("beat_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_heartbeats"),
    )
    op.create_table(
        "turns",
        sa.Column("tenant", _NAME, nullable=False),
        sa.Column("served_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("tenant", name="pk_turns"),
    )
    op.add_column("tenants", sa.Column("sealed_webhook_secret_before", sa.LargeBinary))
    op.add_column("tenants", sa.Column("webhook_secret_until", sa.BigInteger))
    op.add_column("api_keys", sa.Column("person", _NAME))
