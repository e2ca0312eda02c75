"""What is still to be told, and to whom? Webhooks written with what they tell, sent afterwards."""

import json
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from veridical.store.schema import outbox

__all__ = [
    "Letter",
    "add_letter",
    "claim_letter",
    "count_letters",
    "letter_failed",
    "letter_sent",
    "outbox_bodies",
]


@dataclass(frozen=True, slots=True)
class Letter:
    """One webhook to be sent.

    Attributes:
        id: Stays the same over all tries, so that a receiver can tell repetitions.
        tenant: Whose secret signs it.
        url: Where it goes.
        body: What it says.
        tries: How often it was tried before.
    """

    id: str
    tenant: str
    url: str
    body: str
    tries: int


def add_letter(connection: Connection, tenant: str, url: str, body: str, now: int) -> None:
    """Write a webhook, in the database transaction that brings about what it tells."""
    connection.execute(
        insert(outbox).values(
            id=f"msg_{secrets.token_hex(16)}",
            tenant=tenant,
            url=url,
            body=body,
            created_at=now,
            next_at=now,
            tries=0,
        )
    )


def claim_letter(
    connection: Connection,
    now: int,
    lease_ms: int,
    besides: Collection[str] = (),
    under_way: Mapping[str, int] = MappingProxyType({}),
) -> Letter | None:
    """Take a webhook that is due; None when none is. It is due again after the lease.

    Of the tenants that have some, the one with fewest under way comes first, then the one whose
    webhook is due longest.

    Args:
        connection: Within a writing transaction.
        now: ms since 1970.
        lease_ms: After so long it is due again.
        besides: Tenants whose turn it is not.
        under_way: Webhooks of a tenant that are being sent.
    """
    due = connection.execute(
        select(outbox.c.tenant, func.min(outbox.c.next_at))
        .where(outbox.c.next_at <= now, outbox.c.tenant.not_in(besides))
        .group_by(outbox.c.tenant)
    ).all()
    row = None
    for tenant, _ in sorted(due, key=lambda each: (under_way.get(each[0], 0), each[1])):
        row = connection.execute(
            select(outbox)
            .where(outbox.c.next_at <= now, outbox.c.tenant == tenant)
            .order_by(outbox.c.next_at)
            .limit(1)
            .with_for_update(skip_locked=True)
        ).one_or_none()
        if row is not None:
            break
    if row is None:
        return None
    connection.execute(update(outbox).where(outbox.c.id == row.id).values(next_at=now + lease_ms))
    return Letter(row.id, row.tenant, row.url, row.body, row.tries)


def outbox_bodies(connection: Connection, tenant: str) -> list[dict[str, Any]]:
    """What is still to be told to a tenant, oldest first."""
    bodies = connection.scalars(
        select(outbox.c.body).where(outbox.c.tenant == tenant).order_by(outbox.c.created_at)
    )
    return [json.loads(body) for body in bodies]


def letter_sent(connection: Connection, letter: Letter) -> None:
    """Forget a webhook that arrived."""
    connection.execute(delete(outbox).where(outbox.c.id == letter.id))


def letter_failed(connection: Connection, letter: Letter, next_at: int | None) -> None:
    """Note a try that failed.

    Args:
        connection: Within a writing transaction.
        letter: The webhook.
        next_at: When to try again; None gives up, and keeps it for the operator to see.
    """
    connection.execute(
        update(outbox)
        .where(outbox.c.id == letter.id)
        .values(next_at=next_at, tries=letter.tries + 1)
    )


def count_letters(connection: Connection, tenant: str | None = None) -> tuple[int, int]:
    """Webhooks that wait, and those that were given up: of a tenant, or of all."""
    query = select(outbox.c.next_at)
    query = query if tenant is None else query.where(outbox.c.tenant == tenant)
    due = connection.execute(query).scalars().all()
    given_up = sum(next_at is None for next_at in due)
    return len(due) - given_up, given_up
