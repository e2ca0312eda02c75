"""Which attempts are tied to which, by the keys that they bore? One step of a walk at a time.

The edges are those of `store.attempts`: a key's attempts lie in the order of their times, so that a
step reads the newest of each key and no more, however many bore it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    CompoundSelect,
    Connection,
    LargeBinary,
    bindparam,
    select,
    union_all,
)

from veridical.store.schema import attempt_keys, attempts, list_entries, transactions

__all__ = ["Bearing", "attempts_of", "bearers", "bearings", "denied_keys", "rejected"]

_AT_ONCE = 64
_IN_LIST = 500


@dataclass(frozen=True, slots=True)
class Bearing:
    """One key that one attempt bore.

    Attributes:
        attempt: Number of the attempt.
        transaction: Whose attempt it is.
        kind: Of the key.
        key: The keyed hash.
    """

    attempt: int
    transaction: str
    kind: str
    key: bytes


def bearers(
    connection: Connection, keys: Sequence[bytes], since: int, most: int
) -> dict[bytes, list[int]]:
    """The newest attempts that bore each key since a time, at most so many a key."""
    found: dict[bytes, list[int]] = {}
    for start in range(0, len(keys), _AT_ONCE):
        part = keys[start : start + _AT_ONCE]
        size = 1 << (len(part) - 1).bit_length()  # few queries to make, whatever is asked
        padded = [*part, *[b""] * (size - len(part))]
        asked: dict[str, object] = {f"key_{i}": key for i, key in enumerate(padded)}
        asked |= {"since": since, "most": most}
        for row in connection.execute(_bearing(size), asked):
            found.setdefault(bytes(row.key), []).append(row.attempt)
    return found


@cache
def _bearing(keys: int) -> CompoundSelect[Any]:
    """The query for so many keys, made once: making it costs more than running it."""
    queries = []
    for i in range(keys):
        newest = (
            select(attempt_keys.c.key, attempt_keys.c.attempt)
            .where(
                attempt_keys.c.key == bindparam(f"key_{i}", type_=LargeBinary),
                attempt_keys.c.made_at >= bindparam("since", type_=BigInteger),
            )
            .order_by(attempt_keys.c.made_at.desc())
            .limit(bindparam("most", type_=BigInteger))
            .subquery()
        )
        queries.append(select(newest.c.key, newest.c.attempt))
    return union_all(*queries)


def bearings(connection: Connection, numbers: Sequence[int]) -> list[Bearing]:
    """Every key that some attempts bore."""
    return [
        Bearing(row.attempt, row.transaction, row.kind, bytes(row.key))
        for part in _parts(numbers)
        for row in connection.execute(_BEARINGS, {"numbers": part})
    ]


_BEARINGS = (
    select(attempt_keys.c.attempt, attempts.c.transaction, attempt_keys.c.kind, attempt_keys.c.key)
    .join(attempts, attempts.c.id == attempt_keys.c.attempt)
    .where(attempt_keys.c.attempt.in_(bindparam("numbers", expanding=True)))
)


def attempts_of(
    connection: Connection, tenant: str, names: Collection[str], since: int
) -> list[int]:
    """Numbers of the attempts of some transactions since a time."""
    query = select(attempts.c.id).where(
        attempts.c.tenant == tenant, attempts.c.transaction.in_(names), attempts.c.made_at >= since
    )
    return list(connection.scalars(query)) if names else []


def denied_keys(connection: Connection, tenant: str, keys: Sequence[bytes]) -> set[bytes]:
    """Those of some keys that stand on a list of denied ones."""
    return {
        bytes(key)
        for part in _parts(keys)
        for key in connection.scalars(_DENIED, {"keys": part, "tenant": tenant})
    }


_DENIED = select(list_entries.c.key).where(
    list_entries.c.key.in_(bindparam("keys", expanding=True)),
    list_entries.c.effect == "deny",
    list_entries.c.tenant == bindparam("tenant"),
)


def rejected(connection: Connection, tenant: str, names: Sequence[str]) -> set[str]:
    """Those of some transactions that ended in a rejection."""
    return {
        name
        for part in _parts(names)
        for name in connection.scalars(_REJECTED, {"names": part, "tenant": tenant})
    }


_REJECTED = select(transactions.c.id).where(
    transactions.c.id.in_(bindparam("names", expanding=True)),
    transactions.c.tenant == bindparam("tenant"),
    transactions.c.final_outcome == "reject",
)


def _parts(values: Sequence[Any]) -> list[Sequence[Any]]:
    return [values[start : start + _IN_LIST] for start in range(0, len(values), _IN_LIST)]
