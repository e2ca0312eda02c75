"""Which tables are there? The migrations build them; the code queries them by these names."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)

__all__ = [
    "BANDS",
    "HEAD",
    "NAME_LENGTH",
    "data_keys",
    "fingerprints",
    "galleries",
    "metadata",
    "templates",
    "tombstones",
]

HEAD = "0002"
"""The newest migration."""

NAME_LENGTH = 200
"""Longest tenant, gallery, subject or model name, in characters."""

BANDS = 8
"""Indexed parts of a fingerprint."""

# SQLite numbers rows by themselves only where the type is INTEGER.
_ROW_ID = BigInteger().with_variant(Integer, "sqlite")

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

# One data key a subject; without it nothing of the subject can be read.
data_keys = Table(
    "data_keys",
    metadata,
    Column("tenant", String(NAME_LENGTH), primary_key=True),
    Column("subject", String(NAME_LENGTH), primary_key=True),
    Column("master_key", String(NAME_LENGTH), nullable=False, index=True),
    Column("wrapped", LargeBinary, nullable=False),
)

# `revision` counts a gallery's changes: an index compares it with its own to know what it missed.
galleries = Table(
    "galleries",
    metadata,
    Column("tenant", String(NAME_LENGTH), primary_key=True),
    Column("name", String(NAME_LENGTH), primary_key=True),
    Column("revision", BigInteger, nullable=False),
)

templates = Table(
    "templates",
    metadata,
    Column("id", _ROW_ID, primary_key=True, autoincrement=True),
    Column("tenant", String(NAME_LENGTH), nullable=False),
    Column("gallery", String(NAME_LENGTH), nullable=False),
    Column("subject", String(NAME_LENGTH), nullable=False),
    Column("model", String(NAME_LENGTH), nullable=False),
    Column("version", Integer, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    # In this order it also finds all entries of a subject, which every deletion asks for.
    UniqueConstraint("tenant", "subject", "gallery", "model"),
    ForeignKeyConstraint(["tenant", "subject"], ["data_keys.tenant", "data_keys.subject"]),
    ForeignKeyConstraint(["tenant", "gallery"], ["galleries.tenant", "galleries.name"]),
    Index(None, "tenant", "gallery", "model", "revision"),
    sqlite_autoincrement=True,
)

# Numbers of deleted templates, by which other processes' indexes learn of it. Nothing personal.
tombstones = Table(
    "tombstones",
    metadata,
    Column("template", BigInteger, primary_key=True, autoincrement=False),
    Column("tenant", String(NAME_LENGTH), nullable=False),
    Column("gallery", String(NAME_LENGTH), nullable=False),
    Column("revision", BigInteger, nullable=False),
    Index(None, "tenant", "gallery", "revision"),
)

# What was handed in, so coarsely coded that only its near-duplicates are recognised. `reference` is
# a digest of the transaction's id, `seen_at` seconds since 1970.
fingerprints = Table(
    "fingerprints",
    metadata,
    Column("id", _ROW_ID, primary_key=True, autoincrement=True),
    Column("tenant", String(NAME_LENGTH), nullable=False),
    Column("kind", String(NAME_LENGTH), nullable=False),
    Column("reference", String(32), nullable=False, index=True),
    Column("seen_at", BigInteger, nullable=False, index=True),
    Column("code", LargeBinary(32), nullable=False),
    *(Column(f"band_{band}", Integer, nullable=False, index=True) for band in range(BANDS)),
)
