"""Policies that judge beside the one in force."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None
oldest = "0008"
_NAME = sa.String(200)


def upgrade() -> None:
    """Add tables, which releases before this one do without."""
    op.create_table(
        "shadow_policies",
        sa.Column("tenant", _NAME, nullable=False),
        sa.Column("id", _NAME, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id", name="pk_shadow_policies"),
    )
    op.create_table(
        "shadow_verdicts",
        sa.Column("transaction", sa.String(64), nullable=False),
        sa.Column("attempt", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("tenant", _NAME, nullable=False),
        sa.Column("policy", _NAME, nullable=False),
        sa.Column("outcome", sa.String(20), nullable=False),
        sa.Column("would_be", sa.String(20), nullable=False),
        sa.Column("cause", _NAME),
        sa.Column("unmeasured", sa.Text, nullable=False),
        sa.Column("judged_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("transaction", "attempt", name="pk_shadow_verdicts"),
    )
    op.create_index(
        "ix_shadow_verdicts_tenant_policy_judged_at",
        "shadow_verdicts",
        ["tenant", "policy", "judged_at"],
    )
