"""Which policies did tenants store? Their texts, every version of each."""

from sqlalchemy import Connection, insert, select

from veridical.store.schema import policies

__all__ = ["add_policy", "newest_policies", "policies_of"]


def add_policy(
    connection: Connection, tenant: str, name: str, version: int, content: bytes, now: int
) -> None:
    """Keep a version of a tenant's own policy.

    Raises:
        StoreError: `store.conflict`: there is such a version.
    """
    connection.execute(
        insert(policies).values(
            tenant=tenant, id=name, version=version, content=content, created_at=now
        )
    )


def policies_of(connection: Connection, tenant: str, name: str | None = None) -> list[bytes]:
    """Texts of a tenant's policies, or of the one that is named, by name and newest first."""
    query = select(policies.c.content).where(policies.c.tenant == tenant)
    if name is not None:
        query = query.where(policies.c.id == name)
    return list(connection.scalars(query.order_by(policies.c.id, policies.c.version.desc())))


def newest_policies(connection: Connection) -> list[bytes]:
    """Texts of the newest version of every policy of every tenant."""
    query = select(policies.c.tenant, policies.c.id, policies.c.content)
    rows = connection.execute(query.order_by(policies.c.version))
    return list({(row.tenant, row.id): row.content for row in rows}.values())
