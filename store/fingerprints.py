"""Was something like this handed in before? Near-duplicate search over 256-bit fingerprints.

One table for pictures and sound alike: whoever codes a medium says what kind of code it is, and
codes are only compared within a kind. Two codes are near when few bits differ (Hamming distance).
They are found by bands: a code is cut into 8 bands of 32 bits, each in an index of its own, and a
code that differs in fewer than 8 bits has a band in common with its twin (pigeonhole). Beyond that
a band survives d flipped bits with a probability of about (1 - d / 256) ** 32, and a recording has
several codes of which one is enough to find it; it is then compared in full.

Source of the bands: G. S. Manku, A. Jain, A. Das Sarma, "Detecting near-duplicates for web
    crawling", WWW 2007, section 3.
"""

import hashlib
import time
from collections.abc import Callable, Sequence
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, union_all

from veridical.errors import StoreError
from veridical.store.database import Database
from veridical.store.schema import BANDS, NAME_LENGTH, fingerprints

__all__ = ["CODE_BYTES", "Fingerprints", "MediaMemory", "band_values", "forget_media"]

CODE_BYTES = 32
CANDIDATES = 64
"""Recordings compared in full: those that share the most bands."""
_EXPIRED_AT_ONCE = 1_000
_KINDS_AND_TENANTS = f"kinds and tenants have names of 1 to {NAME_LENGTH} characters"


class Fingerprints:
    """The fingerprints of one kind that one tenant keeps for a time. Safe in many threads.

    A row holds a code, a digest of the transaction's id and the time: no name, no picture, no
    sound. A code of a picture still is a very coarse sketch of it, so it is kept for a limited time
    and can be deleted by its transaction.

    Args:
        database: Upgraded.
        kind: What was coded and how, such as `clip`; codes of two kinds are never compared.
        keep: For how long a code is remembered.
        tenant: Whose transactions.
        clock: Seconds since 1970.

    Raises:
        StoreError: `store.name`: the kind or tenant is empty or too long.
    """

    def __init__(
        self,
        database: Database,
        kind: str,
        keep: timedelta,
        tenant: str = "default",
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not all(0 < len(name) <= NAME_LENGTH for name in (kind, tenant)):
            raise StoreError(
                f"{_KINDS_AND_TENANTS}, got {len(kind)} and {len(tenant)}", "store.name"
            )
        self._database = database
        self._kind = kind
        self._keep_s = keep.total_seconds()
        self._tenant = tenant
        self._clock = clock

    def remember(self, transaction: str, codes: Sequence[bytes]) -> None:
        """Keep the codes of one transaction, and drop some that have grown too old.

        Args:
            transaction: Its id; only a digest is kept.
            codes: Each of 32 bytes.

        Raises:
            StoreError: `store.fingerprint`: a code of another length; or the database cannot be
                written.
        """
        bands, now = band_values(codes), int(self._clock())
        rows = [
            {
                "tenant": self._tenant,
                "kind": self._kind,
                "reference": _reference(transaction),
                "seen_at": now,
                "code": code,
                **{f"band_{band}": int(value) for band, value in enumerate(values)},
            }
            for code, values in zip(codes, bands, strict=True)
        ]
        with self._database.writing() as connection:
            if rows:
                connection.execute(insert(fingerprints), rows)
            old = (
                select(fingerprints.c.id)
                .where(*self._mine(), fingerprints.c.seen_at < self._oldest())
                .limit(_EXPIRED_AT_ONCE)
            )
            connection.execute(delete(fingerprints).where(fingerprints.c.id.in_(old)))

    def best_share(self, codes: Sequence[bytes], radius_bits: int, besides: str = "") -> float:
        """Largest share of the codes that one earlier transaction has, too.

        Args:
            codes: Each of 32 bytes.
            radius_bits: Codes at most this far apart count as one.
            besides: Id of the transaction that is not compared, the one that asks.

        Returns:
            0..1; 0 when nothing is remembered.

        Raises:
            StoreError: `store.fingerprint`: a code of another length; or the database cannot be
                read.
        """
        if not codes:
            return 0.0
        bands = band_values(codes)
        others = (
            *self._mine(),
            fingerprints.c.seen_at >= self._oldest(),
            fingerprints.c.reference != _reference(besides),
        )
        hits = union_all(
            *(
                select(fingerprints.c.reference).where(
                    fingerprints.c[f"band_{band}"].in_({int(value) for value in bands[:, band]}),
                    *others,
                )
                for band in range(BANDS)
            )
        ).subquery()
        with self._database.reading() as connection:
            candidates = connection.scalars(
                select(hits.c.reference)
                .group_by(hits.c.reference)
                .order_by(func.count().desc(), hits.c.reference)
                .limit(CANDIDATES)
            ).all()
            rows = connection.execute(
                select(fingerprints.c.reference, fingerprints.c.code).where(
                    fingerprints.c.reference.in_(candidates), *others
                )
            ).all()
        earlier: dict[str, list[bytes]] = {}
        for row in rows:
            earlier.setdefault(row.reference, []).append(row.code)
        return max((_share(codes, known, radius_bits) for known in earlier.values()), default=0.0)

    def forget(self, transaction: str) -> int:
        """Delete the codes of one transaction; how many there were.

        Raises:
            StoreError: The database cannot be written.
        """
        with self._database.writing() as connection:
            return connection.execute(
                delete(fingerprints).where(
                    *self._mine(), fingerprints.c.reference == _reference(transaction)
                )
            ).rowcount

    def expire(self) -> int:
        """Delete all codes that are older than they are kept; how many there were.

        Raises:
            StoreError: The database cannot be written.
        """
        with self._database.writing() as connection:
            return connection.execute(
                delete(fingerprints).where(*self._mine(), fingerprints.c.seen_at < self._oldest())
            ).rowcount

    def _mine(self) -> tuple[ColumnElement[bool], ...]:
        return (fingerprints.c.tenant == self._tenant, fingerprints.c.kind == self._kind)

    def _oldest(self) -> int:
        return int(self._clock() - self._keep_s)


class MediaMemory:
    """What was handed in to an installation, by tenant and kind of medium.

    Args:
        database: Upgraded.
        keep: For how long a code is remembered.
        clock: Seconds since 1970.
    """

    def __init__(
        self, database: Database, keep: timedelta, clock: Callable[[], float] = time.time
    ) -> None:
        self._database = database
        self._keep = keep
        self._clock = clock

    def of(self, kind: str, tenant: str) -> Fingerprints:
        """The codes of one kind of one tenant.

        Args:
            kind: What is coded and how, such as `clip`.
            tenant: Whose transactions.

        Raises:
            StoreError: `store.name`: the kind or tenant is empty or too long.
        """
        return Fingerprints(self._database, kind, self._keep, tenant, self._clock)

    def expire(self) -> int:
        """Delete what is older than it is kept, of all tenants, some at a time; how many codes.

        Raises:
            StoreError: The database cannot be written.
        """
        oldest = int(self._clock() - self._keep.total_seconds())
        old = select(fingerprints.c.id).where(fingerprints.c.seen_at < oldest)
        with self._database.writing() as connection:
            return connection.execute(
                delete(fingerprints).where(fingerprints.c.id.in_(old.limit(_EXPIRED_AT_ONCE)))
            ).rowcount


def forget_media(connection: Connection, tenant: str, transaction: str) -> None:
    """Delete the codes of one transaction, of every kind, with what else erases it."""
    mine = (fingerprints.c.reference == _reference(transaction), fingerprints.c.tenant == tenant)
    connection.execute(delete(fingerprints).where(*mine))


def _reference(transaction: str) -> str:
    """A digest of a transaction's id: of one length, whatever callers write into their ids."""
    return hashlib.blake2b(transaction.encode(), digest_size=16).hexdigest()


def band_values(codes: Sequence[bytes]) -> NDArray[np.int32]:
    """Cut every code into bands, (codes, 8).

    Band b holds bit b of every byte, so that each band spans the whole code: neighbouring bits of
    perceptual codes say much the same.
    """
    if any(len(code) != CODE_BYTES for code in codes):
        raise StoreError(f"a fingerprint has {CODE_BYTES} bytes", "store.fingerprint")
    bits = np.unpackbits(_array(codes), axis=1).reshape(len(codes), CODE_BYTES, BANDS)
    packed = np.packbits(bits.transpose(0, 2, 1), axis=2)
    return np.ascontiguousarray(packed).view(">i4")[:, :, 0].astype(np.int32)


def _share(codes: Sequence[bytes], known: Sequence[bytes], radius_bits: int) -> float:
    apart = np.bitwise_count(_array(codes)[:, None] ^ _array(known)[None]).sum(axis=2, dtype=int)
    return float((apart.min(axis=1) <= radius_bits).mean())


def _array(codes: Sequence[bytes]) -> NDArray[np.uint8]:
    return np.frombuffer(b"".join(codes), np.uint8).reshape(len(codes), CODE_BYTES)
