"""What is told, and did it arrive? Webhooks written with what they tell, sent afterwards."""

import json
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    and_,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from veridical.store.schema import NAME_LENGTH, outbox

__all__ = [
    "Letter",
    "Message",
    "MessageState",
    "add_letter",
    "claim_letter",
    "count_letters",
    "letter_failed",
    "letter_sent",
    "messages_of",
    "outbox_bodies",
    "send_again",
    "sweep_letters",
]


MessageState = Literal["waiting", "delivered", "given_up"]
_STATES: Mapping[MessageState, tuple[ColumnElement[bool], ...]] = {
    "waiting": (outbox.c.next_at.is_not(None),),
    "delivered": (outbox.c.delivered_at.is_not(None),),
    "given_up": (outbox.c.next_at.is_(None), outbox.c.delivered_at.is_(None)),
}


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


@dataclass(frozen=True, slots=True)
class Message:
    """What became of one webhook.

    Attributes:
        id: Of it.
        url: Where it goes or went.
        body: What it says.
        state: How far it is.
        created_at: ms since 1970.
        next_at: When it is tried next, ms since 1970; None when it is not.
        delivered_at: When it arrived, ms since 1970; None when it did not.
        tries: How often it was tried.
        cause: Why the last try failed; empty when it did not.
    """

    id: str
    url: str
    body: dict[str, Any]
    state: MessageState
    created_at: int
    next_at: int | None
    delivered_at: int | None
    tries: int
    cause: str


def add_letter(
    connection: Connection, tenant: str, url: str, body: str, now: int, late_ms: int = 0
) -> None:
    """Write a webhook, in the database transaction that brings about what it tells.

    It is due at once, or `late_ms` later.
    """
    connection.execute(
        insert(outbox).values(
            id=f"msg_{secrets.token_hex(16)}",
            tenant=tenant,
            url=url,
            body=body,
            created_at=now,
            next_at=now + late_ms,
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
        .where(_is_due(now), outbox.c.tenant.not_in(besides))
        .group_by(outbox.c.tenant)
    ).all()
    row = None
    for tenant, _ in sorted(due, key=lambda each: (under_way.get(each[0], 0), each[1])):
        row = connection.execute(
            select(outbox)
            .where(_is_due(now), outbox.c.tenant == tenant)
            .order_by(outbox.c.next_at)
            .limit(1)
            .with_for_update(skip_locked=True)
        ).one_or_none()
        if row is not None:
            break
    if row is None:
        return None
    lease = {"next_at": now + lease_ms, "created_at": min(row.created_at, now)}
    connection.execute(update(outbox).where(outbox.c.id == row.id).values(**lease))
    return Letter(row.id, row.tenant, row.url, row.body, row.tries)


def _is_due(now: int) -> ColumnElement[bool]:
    """Whether a webhook is to be sent; at once where the clock was set back after it was written.

    Who claims one of those sets its time right.
    """
    late = and_(outbox.c.next_at.is_not(None), outbox.c.created_at > now)
    return or_(outbox.c.next_at <= now, late)


def outbox_bodies(connection: Connection, tenant: str) -> list[dict[str, Any]]:
    """What is to be told to a tenant, or was lately, oldest first."""
    bodies = connection.scalars(
        select(outbox.c.body).where(outbox.c.tenant == tenant).order_by(outbox.c.created_at)
    )
    return [json.loads(body) for body in bodies]


def letter_sent(connection: Connection, letter: Letter, now: int) -> None:
    """Note that a webhook arrived; it is kept for a while, to be looked at and sent again."""
    _close(connection, letter, {"next_at": None, "delivered_at": now, "cause": None})


def letter_failed(
    connection: Connection, letter: Letter, next_at: int | None, cause: str = ""
) -> None:
    """Note a try that failed.

    Args:
        connection: Within a writing transaction.
        letter: The webhook.
        next_at: When to try again; None gives up, and keeps it for the operator to see.
        cause: Why, as a code.
    """
    _close(connection, letter, {"next_at": next_at, "cause": cause[:NAME_LENGTH]})


def _close(connection: Connection, letter: Letter, values: Mapping[str, object]) -> None:
    connection.execute(
        update(outbox).where(outbox.c.id == letter.id).values(tries=letter.tries + 1, **values)
    )


def messages_of(
    connection: Connection,
    tenant: str,
    state: MessageState | None,
    before: tuple[int, str] | None,
    limit: int,
) -> list[Message]:
    """Webhooks of an environment, newest first, from behind a time and id on."""
    query = select(outbox).where(outbox.c.tenant == tenant)
    if state is not None:
        query = query.where(*_STATES[state])
    if before is not None:
        at, name = before
        query = query.where(
            or_(outbox.c.created_at < at, and_(outbox.c.created_at == at, outbox.c.id < name))
        )
    query = query.order_by(outbox.c.created_at.desc(), outbox.c.id.desc()).limit(limit)
    return [_message(row) for row in connection.execute(query)]


def send_again(connection: Connection, tenant: str, message: str, now: int) -> Message | None:
    """Make a webhook due at once, with all its tries, under its own id; None without such."""
    mine = (outbox.c.id == message, outbox.c.tenant == tenant)
    anew = {"next_at": now, "delivered_at": None, "tries": 0, "cause": None}
    connection.execute(update(outbox).where(*mine).values(**anew))
    row = connection.execute(select(outbox).where(*mine)).one_or_none()
    return None if row is None else _message(row)


def sweep_letters(connection: Connection, before: int) -> None:
    """Forget webhooks of before that were delivered or given up."""
    connection.execute(
        delete(outbox).where(outbox.c.next_at.is_(None), outbox.c.created_at < before)
    )


def count_letters(connection: Connection, tenant: str | None = None) -> tuple[int, int]:
    """Webhooks that wait, and those that were given up: of a tenant, or of all."""
    waiting, given_up = (
        select(func.count())
        .select_from(outbox)
        .where(*_STATES[state], *([] if tenant is None else [outbox.c.tenant == tenant]))
        for state in ("waiting", "given_up")
    )
    return int(connection.scalar(waiting) or 0), int(connection.scalar(given_up) or 0)


def _message(row: Row[Any]) -> Message:
    state: MessageState = "waiting"
    if row.next_at is None:
        state = "given_up" if row.delivered_at is None else "delivered"
    return Message(
        row.id,
        row.url,
        json.loads(row.body),
        state,
        row.created_at,
        row.next_at,
        row.delivered_at,
        row.tries,
        row.cause or "",
    )
