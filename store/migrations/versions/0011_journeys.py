"""What the pages ask for: links and devices, a tenant's looks, claims of reviewers."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None
# No `oldest`: releases before this one cannot read a request that has no consent yet.


def upgrade() -> None:
    """Add a table and columns; what an older release wrote is read as before."""
    op.create_table(
        "devices",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("transaction", sa.String(40), nullable=False),
        sa.Column("made_at", sa.BigInteger, nullable=False),
        sa.Column("link_digest", sa.LargeBinary(32)),
        sa.Column("link_until", sa.BigInteger),
        sa.Column("public_key", sa.LargeBinary),
        sa.Column("proofs", sa.BigInteger, nullable=False),
        sa.Column("token_digest", sa.LargeBinary(32)),
        sa.PrimaryKeyConstraint("id", name="pk_devices"),
        sa.ForeignKeyConstraint(
            ["transaction"], ["transactions.id"], name="fk_devices_transactions"
        ),
    )
    op.create_index("ix_devices_transaction", "devices", ["transaction"])
    op.add_column("transactions", sa.Column("device", sa.String(32)))
    op.add_column("transactions", sa.Column("claimed_by", sa.String(200)))
    op.add_column("transactions", sa.Column("claimed_at", sa.BigInteger))
    op.add_column("tenants", sa.Column("display_name", sa.String(100)))
    op.add_column("tenants", sa.Column("accent", sa.String(7)))
    op.add_column("tenants", sa.Column("logo", sa.LargeBinary))
    op.add_column("tenants", sa.Column("return_urls", sa.Text))
