"""Who is allowed or denied? Keyed hashes, so that a list tells nobody whom it names."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, LargeBinary, String, bindparam, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from veridical.store.schema import list_entries

__all__ = [
    "EFFECTS",
    "LABEL_LENGTH",
    "Effect",
    "ListSize",
    "Listed",
    "add_entries",
    "find_entries",
    "list_sizes",
    "remove_entries",
]

Effect = Literal["allow", "deny"]
EFFECTS: tuple[Effect, ...] = ("allow", "deny")
LABEL_LENGTH = 100
_BATCH = 5_000


@dataclass(frozen=True, slots=True)
class Listed:
    """An entry that was found.

    Attributes:
        key: Its keyed hash.
        kind: What was hashed, such as `device`.
        effect: `allow` or `deny`.
        label: Which list or case it came from; empty when nobody said.
        added_at: ms since 1970.
    """

    key: bytes
    kind: str
    effect: str
    label: str
    added_at: int


@dataclass(frozen=True, slots=True)
class ListSize:
    """How many entries of one kind there are.

    Attributes:
        effect: `allow` or `deny`.
        kind: What was hashed.
        label: Which list or case they came from.
        entries: How many.
        newest_at: When the newest was added, ms since 1970.
    """

    effect: str
    kind: str
    label: str
    entries: int
    newest_at: int


def add_entries(
    connection: Connection,
    tenant: str,
    effect: Effect,
    kind: str,
    keys: Collection[bytes],
    label: str,
    now: int,
) -> int:
    """Put keys on a list; how many were not on it.

    One that is on it stays as it is: the same file may be imported twice.
    """
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    statement = dialect.insert(list_entries).on_conflict_do_nothing().returning(list_entries.c.key)
    # In one order, so that two imports never wait for each other and pages are filled in a row.
    wanted, added = sorted(set(keys)), 0
    for start in range(0, len(wanted), _BATCH):
        rows = [
            {
                "key": key,
                "effect": effect,
                "tenant": tenant,
                "kind": kind,
                "label": label,
                "added_at": now,
            }
            for key in wanted[start : start + _BATCH]
        ]
        added += len(connection.execute(statement, rows).all())
    return added


def remove_entries(
    connection: Connection, tenant: str, effect: Effect, keys: Collection[bytes]
) -> int:
    """Take keys off a list; how many were on it."""
    gone, wanted = 0, sorted(set(keys))
    for start in range(0, len(wanted), _BATCH):
        gone += connection.execute(
            delete(list_entries).where(
                list_entries.c.key.in_(wanted[start : start + _BATCH]),
                list_entries.c.effect == effect,
                list_entries.c.tenant == tenant,
            )
        ).rowcount
    return gone


# Made once: making the query costs more than running it.
_FINDING = select(
    list_entries.c.key,
    list_entries.c.kind,
    list_entries.c.effect,
    list_entries.c.label,
    list_entries.c.added_at,
).where(
    list_entries.c.key.in_(bindparam("keys", expanding=True, type_=LargeBinary)),
    list_entries.c.tenant == bindparam("tenant", type_=String),
)


def find_entries(connection: Connection, tenant: str, keys: Collection[bytes]) -> list[Listed]:
    """Entries of some keys on any list of a tenant."""
    rows = connection.execute(_FINDING, {"keys": list(keys), "tenant": tenant})
    return [Listed(bytes(key), *rest) for key, *rest in rows]


def list_sizes(connection: Connection, tenant: str) -> list[ListSize]:
    """How much is on the lists of a tenant."""
    of = (list_entries.c.effect, list_entries.c.kind, list_entries.c.label)
    rows = connection.execute(
        select(*of, func.count(), func.max(list_entries.c.added_at))
        .where(list_entries.c.tenant == tenant)
        .group_by(*of)
        .order_by(*of)
    )
    return [ListSize(*row) for row in rows]
