"""What is to be done, and who does it? Work that several processes share.

A job is taken by a lease: for its time nobody else takes it, and when its holder dies it comes back
by itself. Whoever finishes a job must still hold its lease, in the same database transaction as
everything the job brought about, so that the work of two holders never counts twice.
"""

import secrets
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, delete, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from veridical.store.schema import jobs, turns

__all__ = [
    "Job",
    "add_job",
    "age_of_queue",
    "claim_job",
    "count_jobs",
    "drop_job",
    "finish_job",
    "is_waiting",
    "jobs_by_tenant",
    "renew_job",
]

FARTHEST_MS = 120_000
"""Nobody asks for a job, or holds one, for longer."""


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
    """Take a job that waits; None when there is none.

    It is the longest waiting of the tenant that has fewest being done, and of those, of the one
    that was not served for longest: nobody's many jobs keep another's few waiting. Replicas that
    claim at once get different jobs and never wait for each other.
    """
    row = None
    for tenant in _by_turn(connection, now):
        row = connection.execute(
            select(jobs)
            .where(_is_due(now), jobs.c.tenant == tenant)
            .order_by(jobs.c.ready_at, jobs.c.id)
            .limit(1)
            .with_for_update(skip_locked=True)  # SQLite has one writer anyway
        ).one_or_none()
        if row is not None:
            break
    if row is None:
        return None
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    turn = dialect.insert(turns).values(tenant=row.tenant, served_at=now)
    connection.execute(
        turn.on_conflict_do_update(index_elements=["tenant"], set_={"served_at": now})
    )
    lease = secrets.token_hex(16)
    connection.execute(
        update(jobs)
        .where(jobs.c.id == row.id)
        .values(lease=lease, leases=jobs.c.leases + 1, ready_at=now + lease_ms)
    )
    return Job(row.id, row.tenant, row.transaction, lease, row.leases + 1)


def _is_due(now: int) -> ColumnElement[bool]:
    """Whether a job may be taken.

    One that is farther ahead than anybody asks for was written before the clock was set back: it
    does not wait for the time to come again.
    """
    return or_(jobs.c.ready_at <= now, jobs.c.ready_at > now + FARTHEST_MS)


def _by_turn(connection: Connection, now: int) -> list[str]:
    """Tenants that have jobs to be done, whose turn it is first."""
    ready = select(jobs.c.tenant, func.min(jobs.c.ready_at)).where(_is_due(now))
    waiting = {row[0]: row[1] for row in connection.execute(ready.group_by(jobs.c.tenant))}
    if len(waiting) < 2:
        return list(waiting)
    held = jobs_by_tenant(connection, held_at=now)
    last = select(turns.c.tenant, turns.c.served_at).where(turns.c.tenant.in_(waiting))
    served = {row.tenant: row.served_at for row in connection.execute(last)}
    return sorted(waiting, key=lambda t: (held.get(t, 0), served.get(t, 0), waiting[t]))


def jobs_by_tenant(connection: Connection, held_at: int | None = None) -> dict[str, int]:
    """Jobs of each tenant that has some; those that somebody holds at a time, when it is given."""
    query = select(jobs.c.tenant, func.count()).group_by(jobs.c.tenant)
    if held_at is not None:
        query = query.where(jobs.c.lease.is_not(None), jobs.c.ready_at > held_at)
    return {row[0]: row[1] for row in connection.execute(query)}


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


def age_of_queue(connection: Connection, now: int, tenant: str | None = None) -> int:
    """For how long the job has waited that waits longest, in ms; 0 where none waits."""
    query = select(func.min(jobs.c.ready_at)).where(jobs.c.ready_at <= now)
    since = connection.scalar(query if tenant is None else query.where(jobs.c.tenant == tenant))
    return 0 if since is None else now - since


def is_waiting(connection: Connection, now: int) -> bool:
    """Whether there is a job to be claimed; somebody may claim it first."""
    return connection.scalar(select(jobs.c.id).where(jobs.c.ready_at <= now).limit(1)) is not None


def drop_job(connection: Connection, transaction: str) -> None:
    """Remove the job of a transaction, held or not: its holder will find it gone."""
    connection.execute(delete(jobs).where(jobs.c.transaction == transaction))


def count_jobs(connection: Connection, tenant: str | None = None) -> int:
    """Jobs that wait or are being done: of a tenant, or of all."""
    query = select(func.count()).select_from(jobs)
    return connection.scalar(query if tenant is None else query.where(jobs.c.tenant == tenant)) or 0
