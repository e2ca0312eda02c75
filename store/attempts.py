"""Who tried how often? Every judged attempt, by keyed hashes of who and what made it.

A key is found by its hash and its attempts lie in the order of their times, in the index itself:
counting a window reads those of the window and nothing else. It stops at `MOST_COUNTED`, so that a
network behind which a whole town sits costs no more than that.
"""

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    CompoundSelect,
    Connection,
    LargeBinary,
    bindparam,
    delete,
    func,
    insert,
    select,
    union_all,
)

from veridical.store.schema import attempt_keys, attempts

__all__ = [
    "KEY_BYTES",
    "MOST_COUNTED",
    "add_attempt",
    "count_attempts",
    "drop_attempts",
    "keys_of_transactions",
    "places_with",
    "time_of_attempt",
    "times_of_transactions",
    "transactions_with",
]

KEY_BYTES = 16
"""Of an HMAC-SHA256 half is kept, the least that RFC 2104, section 5, allows."""

MOST_COUNTED = 1_000
"""Attempts counted of one key: counts are exact up to here, and more is told as this."""


def add_attempt(
    connection: Connection,
    tenant: str,
    transaction: str,
    number: int,
    keys: Mapping[str, bytes],
    made_at: int,
    place: bytes | None = None,
) -> None:
    """Keep one judged attempt.

    Args:
        connection: Within the transaction that keeps the verdict.
        tenant: Whose.
        transaction: Its id, of at most 64 characters.
        number: Of the attempt within its transaction.
        keys: Keyed hashes of 16 bytes, by kind.
        made_at: ms since 1970.
        place: Where it was made, sealed; None where nobody told.

    Raises:
        StoreError: `store.conflict`: the attempt is kept already.
    """
    attempt = connection.scalar(
        insert(attempts)
        .values(
            tenant=tenant,
            transaction=transaction,
            number=number,
            made_at=made_at,
            sealed_place=place,
        )
        .returning(attempts.c.id)
    )
    if keys:
        connection.execute(
            insert(attempt_keys),
            [
                {"key": key, "made_at": made_at, "attempt": attempt, "kind": kind}
                for kind, key in sorted(keys.items())
            ],
        )


def count_attempts(
    connection: Connection, keys: Sequence[bytes], since: Sequence[int]
) -> dict[bytes, tuple[int, ...]]:
    """Attempts that bore each of some keys, since each of some times.

    Args:
        connection: Reading.
        keys: Keyed hashes, each once.
        since: ms since 1970, the latest first.

    Returns:
        By key, one count a time, each at most `MOST_COUNTED`.
    """
    if not keys:
        return {}
    asked = {f"key_{i}": key for i, key in enumerate(keys)}
    times = {f"since_{i}": time for i, time in enumerate(since)}
    rows = connection.execute(_counting(len(keys), len(since)), asked | times)
    return {bytes(row[0]): tuple(int(count) for count in row[1:]) for row in rows}


@cache
def _counting(keys: int, times: int) -> CompoundSelect[Any]:
    """The query for so many keys and times, made once: making it costs more than running it."""
    made_at = attempt_keys.c.made_at
    queries = []
    for i in range(keys):
        newest = (
            select(made_at)
            .where(
                attempt_keys.c.key == bindparam(f"key_{i}", type_=LargeBinary),
                made_at >= bindparam(f"since_{times - 1}", type_=BigInteger),
            )
            .order_by(made_at.desc())
            .limit(MOST_COUNTED)
            .subquery()
        )
        counts = [
            func.count().filter(newest.c.made_at >= bindparam(f"since_{j}", type_=BigInteger))
            for j in range(times)
        ]
        queries.append(select(bindparam(f"key_{i}", type_=LargeBinary), *counts))
    return union_all(*queries)


def time_of_attempt(
    connection: Connection, tenant: str, transaction: str, number: int
) -> int | None:
    """When an attempt was made, in ms since 1970; None when it is not kept."""
    return connection.scalar(
        _TIME, {"tenant_": tenant, "transaction_": transaction, "number_": number}
    )


_TIME = select(attempts.c.made_at).where(
    attempts.c.tenant == bindparam("tenant_"),
    attempts.c.transaction == bindparam("transaction_"),
    attempts.c.number == bindparam("number_"),
)


def transactions_with(
    connection: Connection, tenant: str, key: bytes, besides: str, limit: int
) -> list[str]:
    """The newest transactions that bore a key, besides one."""
    newest = func.max(attempt_keys.c.made_at)
    return list(
        connection.scalars(
            select(attempts.c.transaction)
            .join(attempt_keys, attempt_keys.c.attempt == attempts.c.id)
            .where(
                attempt_keys.c.key == key,
                attempts.c.tenant == tenant,
                attempts.c.transaction != besides,
            )
            .group_by(attempts.c.transaction)
            .order_by(newest.desc(), attempts.c.transaction)
            .limit(limit)
        )
    )


def places_with(
    connection: Connection, tenant: str, key: bytes, besides: tuple[str, int], limit: int
) -> list[tuple[int, bytes]]:
    """Times and sealed places of the newest attempts that bore a key, besides one."""
    transaction, number = besides
    rows = connection.execute(
        select(attempts.c.made_at, attempts.c.sealed_place)
        .join(attempt_keys, attempt_keys.c.attempt == attempts.c.id)
        .where(
            attempt_keys.c.key == key,
            attempts.c.tenant == tenant,
            attempts.c.sealed_place.is_not(None),
            ~((attempts.c.transaction == transaction) & (attempts.c.number == number)),
        )
        .order_by(attempt_keys.c.made_at.desc())
        .limit(limit)
    )
    return [(row.made_at, bytes(row.sealed_place)) for row in rows]


def keys_of_transactions(
    connection: Connection, tenant: str, transactions: Collection[str], kinds: Collection[str]
) -> dict[str, dict[str, bytes]]:
    """Keys of some kinds that the newest attempt of each of some transactions bore."""
    found: dict[str, dict[str, bytes]] = {}
    rows = connection.execute(
        select(attempts.c.transaction, attempt_keys.c.kind, attempt_keys.c.key)
        .join(attempt_keys, attempt_keys.c.attempt == attempts.c.id)
        .where(
            attempts.c.tenant == tenant,
            attempts.c.transaction.in_(transactions),
            attempt_keys.c.kind.in_(kinds),
        )
        .order_by(attempts.c.id)
    )
    for row in rows:
        found.setdefault(row.transaction, {})[row.kind] = bytes(row.key)
    return found


def times_of_transactions(
    connection: Connection, tenant: str, transactions: Collection[str], since: int
) -> list[int]:
    """When each attempt of some transactions was made, since a time, in ms since 1970."""
    return list(
        connection.scalars(
            select(attempts.c.made_at).where(
                attempts.c.tenant == tenant,
                attempts.c.transaction.in_(transactions),
                attempts.c.made_at >= since,
            )
        )
    )


def drop_attempts(connection: Connection, tenant: str, transaction: str) -> None:
    """Delete the attempts of a transaction with their keys."""
    mine = (attempts.c.tenant == tenant, attempts.c.transaction == transaction)
    ids = select(attempts.c.id).where(*mine)
    connection.execute(delete(attempt_keys).where(attempt_keys.c.attempt.in_(ids)))
    connection.execute(delete(attempts).where(*mine))
