"""What did the applicant hand in? Media in sealed pieces, whole or not there at all.

Pieces are written as they arrive, each in a database transaction of its own: a slow sender holds
neither memory nor a lock. They count from the moment at which a row of `media` names their upload;
what nobody names is swept away.
"""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, delete, insert, select

from veridical.store.database import Database
from veridical.store.schema import media, media_parts
from veridical.store.vault import Vault

__all__ = [
    "Medium",
    "Upload",
    "drop_media",
    "drop_pieces",
    "keep_piece",
    "keep_upload",
    "media_of",
    "media_piece",
    "medium_pieces",
    "read_medium",
    "sweep_uploads",
]


@dataclass(frozen=True, slots=True)
class Medium:
    """One medium of a transaction.

    Attributes:
        kind: Such as `clip`.
        sha256: Digest of its bytes as they were handed in.
        size: Their number.
        upload: Which upload brought it.
    """

    kind: str
    sha256: bytes
    size: int
    upload: str


class Upload:
    """An upload in progress; belongs to one request.

    Args:
        database: Where the pieces go.
        vault: Of the transaction.

    Attributes:
        id: Names the pieces.
    """

    def __init__(self, database: Database, vault: Vault) -> None:
        self.id = secrets.token_hex(16)
        self._database = database
        self._vault = vault
        self._count = 0

    def write(self, piece: bytes, now: int) -> None:
        """Keep the next piece.

        Raises:
            StoreError: The database cannot be written; `store.full`.
        """
        with self._database.writing() as connection:
            keep_piece(connection, self._vault, self.id, self._count, piece, now)
        self._count += 1

    def discard(self) -> None:
        """Drop the pieces of an upload that is not wanted."""
        with self._database.writing() as connection:
            drop_pieces(connection, self.id)


def keep_piece(
    connection: Connection, vault: Vault, upload: str, number: int, piece: bytes, now: int
) -> None:
    """Write one piece of an upload."""
    connection.execute(
        insert(media_parts).values(
            upload=upload,
            number=number,
            transaction=vault.holder,
            stored_at=now,
            sealed=vault.seal(piece, "media", upload, number),
        )
    )


def drop_pieces(connection: Connection, upload: str) -> None:
    """Drop the pieces of an upload."""
    connection.execute(delete(media_parts).where(media_parts.c.upload == upload))


def keep_upload(connection: Connection, transaction: str, medium: Medium, now: int) -> None:
    """Make an upload a medium of its transaction, in the place of an earlier one of its kind."""
    drop_media(connection, transaction, (medium.kind,))
    connection.execute(
        insert(media).values(
            transaction=transaction,
            kind=medium.kind,
            upload=medium.upload,
            sha256=medium.sha256,
            bytes=medium.size,
            stored_at=now,
        )
    )


def media_of(connection: Connection, transaction: str) -> list[Medium]:
    """The media of a transaction, by kind."""
    rows = connection.execute(
        select(media).where(media.c.transaction == transaction).order_by(media.c.kind)
    )
    return [_medium(row) for row in rows]


def read_medium(connection: Connection, vault: Vault, medium: Medium) -> bytes:
    """The bytes of a medium.

    Raises:
        StoreError: `store.tampered`: a piece was altered, or is missing.
    """
    return b"".join(medium_pieces(connection, vault, medium))


def medium_pieces(connection: Connection, vault: Vault, medium: Medium) -> Iterator[bytes]:
    """The bytes of a medium piece by piece, of which one is held.

    Raises:
        StoreError: `store.tampered`: a piece was altered, or is missing.
    """
    rows = connection.execute(
        select(media_parts.c.number, media_parts.c.sealed)
        .where(media_parts.c.upload == medium.upload)
        .order_by(media_parts.c.number)
    )
    # Bound to its number: pieces cannot change places, and the digest shows a missing last one.
    for row in rows:
        yield vault.unseal(row.sealed, "media", medium.upload, row.number)


def media_piece(connection: Connection, vault: Vault, medium: Medium, number: int) -> bytes | None:
    """One piece of a medium, from 0; None behind the last one.

    Raises:
        StoreError: `store.tampered`.
    """
    sealed = connection.scalar(
        select(media_parts.c.sealed).where(
            media_parts.c.upload == medium.upload, media_parts.c.number == number
        )
    )
    return None if sealed is None else vault.unseal(sealed, "media", medium.upload, number)


def drop_media(
    connection: Connection, transaction: str, kinds: tuple[str, ...] | None = None
) -> None:
    """Delete media of a transaction with their pieces.

    Args:
        connection: Within a writing transaction.
        transaction: Whose.
        kinds: Which; all, and pieces of unfinished uploads as well, when None.
    """
    mine: list[ColumnElement[bool]] = [media.c.transaction == transaction]
    pieces: ColumnElement[bool] = media_parts.c.transaction == transaction
    if kinds is not None:
        mine.append(media.c.kind.in_(kinds))
        uploads: Select[tuple[Any]] = select(media.c.upload).where(*mine)
        pieces = media_parts.c.upload.in_(uploads)
    connection.execute(delete(media_parts).where(pieces))
    connection.execute(delete(media).where(*mine))


def sweep_uploads(connection: Connection, before: int, limit: int = 200) -> int:
    """Delete old pieces that no medium names; how many there were."""
    orphans = (
        select(media_parts.c.upload)
        .where(
            media_parts.c.stored_at < before,
            media_parts.c.upload.not_in(select(media.c.upload)),
        )
        .distinct()
        .limit(limit)
    )
    return connection.execute(
        delete(media_parts).where(media_parts.c.upload.in_(list(connection.scalars(orphans))))
    ).rowcount


def _medium(row: Row[Any]) -> Medium:
    return Medium(row.kind, row.sha256, row.bytes, row.upload)
