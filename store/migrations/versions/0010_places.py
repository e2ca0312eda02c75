"""Where attempts were made, sealed."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None
oldest = "0008"


def upgrade() -> None:
    """Add a column that may stay empty, which releases before this one do without."""
    op.add_column("attempts", sa.Column("sealed_place", sa.LargeBinary))
