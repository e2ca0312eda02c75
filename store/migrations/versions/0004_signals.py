"""What signals rest on: attempts by keyed hashes, and lists of keyed hashes."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_NAME = sa.String(200)
_ROW_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "attempts",
        sa.Column("id", _ROW_ID, autoincrement=True, nullable=False),
        sa.Column("tenant", _NAME, nullable=False),
        sa.Column("transaction", sa.String(64), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("made_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_attempts"),
        sa.UniqueConstraint(
            "tenant", "transaction", "number", name="uq_attempts_tenant_transaction_number"
        ),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "attempt_keys",
        sa.Column("key", sa.LargeBinary(16), nullable=False),
        sa.Column("made_at", sa.BigInteger, nullable=False),
        sa.Column("attempt", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.ForeignKeyConstraint(["attempt"], ["attempts.id"], name="fk_attempt_keys_attempts"),
        sa.PrimaryKeyConstraint("key", "made_at", "attempt", name="pk_attempt_keys"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_attempt_keys_attempt", "attempt_keys", ["attempt"])
    op.create_table(
        "list_entries",
        sa.Column("key", sa.LargeBinary(16), nullable=False),
        sa.Column("effect", sa.String(5), nullable=False),
        sa.Column("tenant", _NAME, nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("label", sa.String(100), nullable=False),
        sa.Column("added_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("key", "effect", name="pk_list_entries"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Drop the tables: attempts are no longer counted, and the lists are gone."""
    for table in ("list_entries", "attempt_keys", "attempts"):
        op.drop_table(table)
