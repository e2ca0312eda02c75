"""What judges beside the policy in force, and what would have come of it?"""

from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select

from veridical.store.schema import shadow_policies, shadow_verdicts

__all__ = [
    "ShadowVerdict",
    "add_shadow_verdict",
    "drop_shadow",
    "drop_shadow_verdicts",
    "put_shadow",
    "shadow_of",
    "shadow_verdicts_of",
]


@dataclass(frozen=True, slots=True)
class ShadowVerdict:
    """One verdict, and what it would have been.

    Attributes:
        transaction: Its id.
        attempt: Number of the attempt.
        outcome: Under the policy in force.
        would_be: Under the candidate.
        cause: The candidate's first cause; None for an accept.
        unmeasured: Checks the candidate requires that were not measured, parted by commas.
    """

    transaction: str
    attempt: int
    outcome: str
    would_be: str
    cause: str | None
    unmeasured: str


def put_shadow(connection: Connection, tenant: str, policy: str, content: bytes, now: int) -> None:
    """Let a version judge beside the one in force; what another one judged is deleted."""
    drop_shadow(connection, tenant, policy)
    connection.execute(
        insert(shadow_policies).values(tenant=tenant, id=policy, content=content, since=now)
    )


def drop_shadow(connection: Connection, tenant: str, policy: str) -> None:
    """End it, and delete what it judged."""
    of = shadow_policies.c
    connection.execute(delete(shadow_policies).where(of.tenant == tenant, of.id == policy))
    judged = shadow_verdicts.c
    connection.execute(
        delete(shadow_verdicts).where(judged.tenant == tenant, judged.policy == policy)
    )


def shadow_of(connection: Connection, tenant: str, policy: str) -> bytes | None:
    """The text of the version that judges beside the one in force; None without."""
    of = shadow_policies.c
    return connection.scalar(select(of.content).where(of.tenant == tenant, of.id == policy))


def add_shadow_verdict(
    connection: Connection, tenant: str, policy: str, verdict: ShadowVerdict, now: int
) -> None:
    """Keep what would have come of one verdict."""
    connection.execute(
        insert(shadow_verdicts).values(
            transaction=verdict.transaction,
            attempt=verdict.attempt,
            tenant=tenant,
            policy=policy,
            outcome=verdict.outcome,
            would_be=verdict.would_be,
            cause=verdict.cause,
            unmeasured=verdict.unmeasured,
            judged_at=now,
        )
    )


def shadow_verdicts_of(connection: Connection, tenant: str, policy: str) -> list[ShadowVerdict]:
    """All of one policy's, the oldest first."""
    of = shadow_verdicts.c
    rows = connection.execute(
        select(of.transaction, of.attempt, of.outcome, of.would_be, of.cause, of.unmeasured)
        .where(of.tenant == tenant, of.policy == policy)
        .order_by(of.judged_at, of.transaction, of.attempt)
    )
    return [ShadowVerdict(*row) for row in rows]


def drop_shadow_verdicts(connection: Connection, transaction: str) -> None:
    """Delete what would have come of a transaction that is erased."""
    connection.execute(delete(shadow_verdicts).where(shadow_verdicts.c.transaction == transaction))
