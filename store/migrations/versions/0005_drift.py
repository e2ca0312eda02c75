"""Counts of scores and reasons by the hour, the baselines they are compared with, and alerts."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_NAME = sa.String(200)
_LINE = sa.String(200)
_KIND = sa.String(20)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "drift_sketches",
        sa.Column("tenant", _NAME, nullable=False),
        sa.Column("kind", _KIND, nullable=False),
        sa.Column("name", _NAME, nullable=False),
        sa.Column("line", _LINE, nullable=False),
        sa.Column("hour", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("counts", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "kind", "name", "line", "hour", name="pk_drift_sketches"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_drift_sketches_hour", "drift_sketches", ["hour"])
    op.create_table(
        "drift_baselines",
        sa.Column("tenant", _NAME, nullable=False),
        sa.Column("kind", _KIND, nullable=False),
        sa.Column("name", _NAME, nullable=False),
        sa.Column("line", _LINE, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
        sa.Column("frozen_at", sa.BigInteger, nullable=False),
        sa.Column("counts", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "kind", "name", "line", name="pk_drift_baselines"),
    )
    op.create_table(
        "drift_alerts",
        sa.Column("tenant", _NAME, nullable=False),
        sa.Column("kind", _KIND, nullable=False),
        sa.Column("name", _NAME, nullable=False),
        sa.Column("line", _LINE, nullable=False),
        sa.Column("alert", _KIND, nullable=False),
        sa.Column("reason", _NAME, nullable=False),
        sa.Column("id", sa.String(40), nullable=False),
        sa.Column("raised_at", sa.BigInteger, nullable=False),
        sa.Column("seen_at", sa.BigInteger, nullable=False),
        sa.Column("cleared_at", sa.BigInteger),
        sa.Column("figures", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint(
            "tenant", "kind", "name", "line", "alert", "reason", name="pk_drift_alerts"
        ),
    )


def downgrade() -> None:
    """Drop the tables: nothing is compared any more, and the baselines are gone."""
    for table in ("drift_alerts", "drift_baselines", "drift_sketches"):
        op.drop_table(table)
