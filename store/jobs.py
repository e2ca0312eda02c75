"""What is to be done, and who does it? Work that several processes share.

A job is taken by a lease: for its time nobody else takes it, and when its holder dies it comes back
by itself. Whoever finishes a job must still hold its lease, in the same database transaction as
everything the job brought about, so that the work of two holders never counts twice.
"""

import secrets
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, select, update

from veridical.store.schema import jobs

__all__ = ["Job", "add_job", "claim_job", "count_jobs", "drop_job", "finish_job", "renew_job"]


@dataclass(frozen=True, slots=True)
class Job:
    """One transaction to be verified.

    Attributes:
        id: Of the job.
        tenant: Whose.
        transaction: Which.
        lease: What its holder shows.
        leases: How often it was taken, this time included.
    """

    id: int
    tenant: str
    transaction: str
    lease: str
    leases: int


def add_job(connection: Connection, tenant: str, transaction: str, ready_at: int) -> None:
    """Ask for a transaction to be verified.

    Raises:
        StoreError: `store.conflict`: it was asked for already.
    """
    connection.execute(
        insert(jobs).values(tenant=tenant, transaction=transaction, ready_at=ready_at, leases=0)
    )


def claim_job(connection: Connection, now: int, lease_ms: int) -> Job | None:
    """Take the job that has waited longest; None when there is none.

    Replicas that claim at once get different jobs and never wait for each other.
    """
    row = connection.execute(
        select(jobs)
        .where(jobs.c.ready_at <= now)
        .order_by(jobs.c.ready_at, jobs.c.id)
        .limit(1)
        .with_for_update(skip_locked=True)  # SQLite has one writer anyway
    ).one_or_none()
    if row is None:
        return None
    lease = secrets.token_hex(16)
    connection.execute(
        update(jobs)
        .where(jobs.c.id == row.id)
        .values(lease=lease, leases=jobs.c.leases + 1, ready_at=now + lease_ms)
    )
    return Job(row.id, row.tenant, row.transaction, lease, row.leases + 1)


def renew_job(connection: Connection, job: Job, ready_at: int) -> bool:
    """Hold a job until another time, or give it back by a time that is past.

    Returns:
        Whether it is still held.
    """
    return bool(
        connection.execute(
            update(jobs)
            .where(jobs.c.id == job.id, jobs.c.lease == job.lease)
            .values(ready_at=ready_at)
        ).rowcount
    )


def finish_job(connection: Connection, job: Job) -> bool:
    """Remove a job; whether it was still held: else roll back what it brought about."""
    return bool(
        connection.execute(
            delete(jobs).where(jobs.c.id == job.id, jobs.c.lease == job.lease)
        ).rowcount
    )


def drop_job(connection: Connection, transaction: str) -> None:
    """Remove the job of a transaction, held or not: its holder will find it gone."""
    connection.execute(delete(jobs).where(jobs.c.transaction == transaction))


def count_jobs(connection: Connection, tenant: str | None = None) -> int:
    """Jobs that wait or are being done: of a tenant, or of all."""
    query = select(func.count()).select_from(jobs)
    return connection.scalar(query if tenant is None else query.where(jobs.c.tenant == tenant)) or 0
