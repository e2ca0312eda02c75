"""Data keys, galleries, templates and tombstones."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_NAME = sa.String(200)
_ROW_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "data_keys",
        sa.Column("tenant", _NAME, nullable=False),
        sa.Column("subject", _NAME, nullable=False),
        sa.Column("master_key", _NAME, nullable=False),
        sa.Column("wrapped", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "subject", name="pk_data_keys"),
    )
    op.create_index("ix_data_keys_master_key", "data_keys", ["master_key"])
    op.create_table(
        "galleries",
        sa.Column("tenant", _NAME, nullable=False),
        sa.Column("name", _NAME, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "name", name="pk_galleries"),
    )
    op.create_table(
        "templates",
        sa.Column("id", _ROW_ID, autoincrement=True, nullable=False),
        sa.Column("tenant", _NAME, nullable=False),
        sa.Column("gallery", _NAME, nullable=False),
        sa.Column("subject", _NAME, nullable=False),
        sa.Column("model", _NAME, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_templates"),
        sa.UniqueConstraint(
            "tenant",
            "subject",
            "gallery",
            "model",
            name="uq_templates_tenant_subject_gallery_model",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "subject"],
            ["data_keys.tenant", "data_keys.subject"],
            name="fk_templates_data_keys",
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "gallery"],
            ["galleries.tenant", "galleries.name"],
            name="fk_templates_galleries",
        ),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_templates_tenant_gallery_model_revision",
        "templates",
        ["tenant", "gallery", "model", "revision"],
    )
    op.create_table(
        "tombstones",
        sa.Column("template", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("tenant", _NAME, nullable=False),
        sa.Column("gallery", _NAME, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("template", name="pk_tombstones"),
    )
    op.create_index(
        "ix_tombstones_tenant_gallery_revision", "tombstones", ["tenant", "gallery", "revision"]
    )


def downgrade() -> None:
    """Drop the tables, and with them every template."""
    for table in ("tombstones", "templates", "galleries", "data_keys"):
        op.drop_table(table)
