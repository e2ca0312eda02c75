"""Fingerprints of what was handed in, by which a replay is recognised."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_NAME = sa.String(200)
_ROW_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_BANDS = 8


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "fingerprints",
        sa.Column("id", _ROW_ID, autoincrement=True, nullable=False),
        sa.Column("tenant", _NAME, nullable=False),
        sa.Column("kind", _NAME, nullable=False),
        sa.Column("reference", sa.String(32), nullable=False),
        sa.Column("seen_at", sa.BigInteger, nullable=False),
        sa.Column("code", sa.LargeBinary(32), nullable=False),
        *(sa.Column(f"band_{band}", sa.Integer, nullable=False) for band in range(_BANDS)),
        sa.PrimaryKeyConstraint("id", name="pk_fingerprints"),
    )
    for column in ("reference", "seen_at", *(f"band_{band}" for band in range(_BANDS))):
        op.create_index(f"ix_fingerprints_{column}", "fingerprints", [column])


def downgrade() -> None:
    """Drop the table: earlier recordings are no longer recognised."""
    op.drop_table("fingerprints")
