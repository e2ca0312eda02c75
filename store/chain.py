"""In which order did it happen? One chain of evidence a tenant, whoever appends to it."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from veridical.store.schema import chains, evidence

__all__ = [
    "Link",
    "append_link",
    "chain_head",
    "chain_lines",
    "last_link",
    "newest_lines",
    "transaction_lines",
]


@dataclass(frozen=True, slots=True)
class Link:
    """One record's place in its chain.

    Attributes:
        sequence: From 1, without gaps.
        hash: Of the record.
        recorded_at: ms since 1970.
    """

    sequence: int
    hash: str
    recorded_at: int


def append_link(
    connection: Connection,
    tenant: str,
    transaction: str,
    now: int,
    write: Callable[[int, str], tuple[str, str]],
) -> Link:
    """Append one record; kept with everything else of the database transaction, or not at all.

    Other writers to the same chain wait until this transaction ends.

    Args:
        connection: Within a writing transaction.
        tenant: Whose chain.
        transaction: What the record is about.
        now: ms since 1970.
        write: Makes the record of its number and the hash before it (empty for the first); answers
            its line and its hash.
    """
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    connection.execute(
        dialect.insert(chains).values(tenant=tenant, sequence=0, head="").on_conflict_do_nothing()
    )
    before = connection.execute(
        select(chains.c.sequence, chains.c.head).where(chains.c.tenant == tenant).with_for_update()
    ).one()
    link_line, digest = write(before.sequence + 1, before.head)
    link = Link(before.sequence + 1, digest, now)
    connection.execute(
        insert(evidence).values(
            tenant=tenant,
            sequence=link.sequence,
            hash=digest,
            transaction=transaction,
            recorded_at=now,
            line=link_line,
        )
    )
    connection.execute(
        update(chains).where(chains.c.tenant == tenant).values(sequence=link.sequence, head=digest)
    )
    return link


def chain_head(connection: Connection, tenant: str) -> Link | None:
    """The newest record of a tenant's chain; None while it is empty."""
    row = connection.execute(
        select(evidence.c.sequence, evidence.c.hash, evidence.c.recorded_at)
        .where(evidence.c.tenant == tenant)
        .order_by(evidence.c.sequence.desc())
        .limit(1)
    ).one_or_none()
    return None if row is None else Link(row.sequence, row.hash, row.recorded_at)


def chain_lines(connection: Connection, tenant: str, after: int, limit: int) -> list[str]:
    """Records of a tenant's chain in order, from the one behind a number on."""
    return list(
        connection.scalars(
            select(evidence.c.line)
            .where(evidence.c.tenant == tenant, evidence.c.sequence > after)
            .order_by(evidence.c.sequence)
            .limit(limit)
        )
    )


def newest_lines(connection: Connection, limit: int = 1_000) -> list[str]:
    """The newest record of each of some chains."""
    query = (
        select(evidence.c.line)
        .join(
            chains,
            (chains.c.tenant == evidence.c.tenant) & (chains.c.sequence == evidence.c.sequence),
        )
        .limit(limit)
    )
    return list(connection.scalars(query))


def transaction_lines(connection: Connection, tenant: str, transaction: str) -> list[str]:
    """Every record about one transaction, in order."""
    return list(
        connection.scalars(
            select(evidence.c.line)
            .where(evidence.c.tenant == tenant, evidence.c.transaction == transaction)
            .order_by(evidence.c.sequence)
        )
    )


def last_link(connection: Connection, tenant: str, transaction: str) -> Link | None:
    """The newest record about one transaction; None while there is none."""
    row = connection.execute(
        select(evidence.c.sequence, evidence.c.hash, evidence.c.recorded_at)
        .where(evidence.c.tenant == tenant, evidence.c.transaction == transaction)
        .order_by(evidence.c.sequence.desc())
        .limit(1)
    ).one_or_none()
    return None if row is None else Link(row.sequence, row.hash, row.recorded_at)
