"""Which transactions are there, and how far is each?

    created -> collecting -> processing -> completed
                   ^             |
                   +--- retry ---+        expired, cancelled: from created or collecting
                                          erased: from every state

The functions run within the caller's database transaction: what belongs together is kept together.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from sqlalchemy import Connection, Row, and_, delete, func, insert, or_, select, update

from veridical.store.jobs import drop_job
from veridical.store.schema import (
    devices,
    explanations,
    failures,
    idempotency,
    media,
    seen_media,
    transactions,
)
from veridical.store.shadows import drop_shadow_verdicts
from veridical.store.uploads import drop_media
from veridical.store.vault import Vault, shred

__all__ = [
    "OPEN",
    "IdempotentAnswer",
    "State",
    "StoredTransaction",
    "accepted_transactions",
    "add_transaction",
    "change_transaction",
    "count_failures",
    "drop_answer",
    "due_for_erasure",
    "erase_transaction",
    "expired_transactions",
    "find_answer",
    "find_explanation",
    "find_transaction",
    "keep_answer",
    "keep_explanation",
    "list_transactions",
    "locked_transaction",
    "most_overdue",
    "note_failure",
    "review_queue",
    "see_media",
    "sweep_records",
]

State = Literal[
    "created", "collecting", "processing", "completed", "expired", "cancelled", "erased"
]
OPEN: tuple[State, ...] = ("created", "collecting")
"""States in which media are taken."""


@dataclass(frozen=True, slots=True)
class StoredTransaction:
    """One row of `transactions`; see the schema.

    Attributes:
        policy: Its id; None in rows of before 0007.
        attempt: Number of the current attempt, from 1.
        attempts: How many the policy allows.
        outcome: Of the newest verdict.
        final_outcome: The reviewer's where there is one; empty while a review is open.
        device: Which of the devices that opened a link captures; None for the holder of the token
            that starting answered.
        claimed_by: Which reviewer has taken it up, and `claimed_at` when.
    """

    id: str
    tenant: str
    kind: str
    policy: str | None
    state: State
    sandbox: bool
    created_at: int
    expires_at: int
    completed_at: int | None
    keep_until: int | None
    erased_at: int | None
    attempt: int
    attempts: int
    outcome: str | None
    final_outcome: str | None
    first_cause: str | None
    upload_digest: bytes
    nonce: str | None
    challenge_expires_at: int | None
    challenges: int
    subject_digest: bytes | None
    device_digest: bytes | None
    sealed_request: bytes | None
    sealed_challenge: bytes | None
    sealed_capture: bytes | None
    sealed_verdict: bytes | None
    sealed_review: bytes | None
    device: str | None = None
    claimed_by: str | None = None
    claimed_at: int | None = None


@dataclass(frozen=True, slots=True)
class IdempotentAnswer:
    """What was answered to a request that bore an idempotency key.

    Attributes:
        request_digest: Of the request.
        transaction: The one it made.
        sealed_answer: The answer, sealed for that transaction.
    """

    request_digest: bytes
    transaction: str
    sealed_answer: bytes


_COLUMNS = [transactions.c[field.name] for field in fields(StoredTransaction)]


def add_transaction(connection: Connection, row: StoredTransaction) -> None:
    """Insert a new transaction."""
    values = {field.name: getattr(row, field.name) for field in fields(row)}
    connection.execute(insert(transactions).values(**values))


def find_transaction(
    connection: Connection, transaction: str, tenant: str | None = None
) -> StoredTransaction | None:
    """One transaction, of one tenant when it is given; None when there is no such."""
    return _found(connection, transaction, tenant, locked=False)


def locked_transaction(
    connection: Connection, transaction: str, tenant: str | None = None
) -> StoredTransaction | None:
    """As `find_transaction`; nobody else changes it before the database transaction ends."""
    return _found(connection, transaction, tenant, locked=True)


def _found(
    connection: Connection, transaction: str, tenant: str | None, *, locked: bool
) -> StoredTransaction | None:
    query = select(*_COLUMNS).where(transactions.c.id == transaction)
    if tenant is not None:
        query = query.where(transactions.c.tenant == tenant)
    row = connection.execute(query.with_for_update() if locked else query).one_or_none()
    return None if row is None else _stored(row)


def change_transaction(
    connection: Connection, transaction: str, values: Mapping[str, object]
) -> None:
    """Set some columns of a transaction."""
    connection.execute(
        update(transactions).where(transactions.c.id == transaction).values(**values)
    )


def list_transactions(
    connection: Connection,
    tenant: str,
    only: Mapping[str, object],
    span: tuple[int | None, int | None],
    before: tuple[int, str] | None,
    limit: int,
) -> list[StoredTransaction]:
    """Transactions of a tenant, newest first, from behind a time and id on.

    Args:
        connection: Reading.
        tenant: Whose.
        only: What columns must hold; None leaves one out.
        span: Created from, and before: ms since 1970.
        before: Time and id of the last one that was told.
        limit: Most of them.
    """
    query = select(*_COLUMNS).where(transactions.c.tenant == tenant)
    for name, value in only.items():
        if value is not None:
            query = query.where(transactions.c[name] == value)
    since, until = span
    if since is not None:
        query = query.where(transactions.c.created_at >= since)
    if until is not None:
        query = query.where(transactions.c.created_at < until)
    if before is not None:
        at, name = before
        query = query.where(
            or_(
                transactions.c.created_at < at,
                and_(transactions.c.created_at == at, transactions.c.id < name),
            )
        )
    query = query.order_by(transactions.c.created_at.desc(), transactions.c.id.desc()).limit(limit)
    return [_stored(row) for row in connection.execute(query)]


def review_queue(
    connection: Connection, tenant: str, after: tuple[int, str] | None, limit: int
) -> list[StoredTransaction]:
    """Transactions that wait for a reviewer, longest first, from behind a time and id on."""
    query = select(*_COLUMNS).where(
        transactions.c.tenant == tenant,
        transactions.c.state == "completed",
        transactions.c.outcome == "review",
        transactions.c.final_outcome.is_(None),
    )
    if after is not None:
        at, name = after
        query = query.where(
            or_(
                transactions.c.created_at > at,
                and_(transactions.c.created_at == at, transactions.c.id > name),
            )
        )
    query = query.order_by(transactions.c.created_at, transactions.c.id).limit(limit)
    return [_stored(row) for row in connection.execute(query)]


def expired_transactions(
    connection: Connection, now: int, limit: int, besides: Collection[str] = ()
) -> list[StoredTransaction]:
    """Transactions whose time to collect media is over, the longest first; some left out."""
    query = (
        select(*_COLUMNS)
        .where(
            transactions.c.state.in_(OPEN),
            transactions.c.expires_at <= now,
            transactions.c.id.not_in(besides),
        )
        .order_by(transactions.c.expires_at)
        .limit(limit)
    )
    return [_stored(row) for row in connection.execute(query)]


def due_for_erasure(
    connection: Connection, now: int, limit: int, besides: Collection[str] = ()
) -> list[StoredTransaction]:
    """Transactions that were kept for as long as they may be, the longest first; some left out."""
    query = (
        select(*_COLUMNS)
        .where(
            transactions.c.keep_until <= now,
            transactions.c.state != "erased",
            transactions.c.id.not_in(besides),
        )
        .order_by(transactions.c.keep_until)
        .limit(limit)
    )
    return [_stored(row) for row in connection.execute(query)]


def accepted_transactions(
    connection: Connection, tenant: str, after: str, limit: int
) -> list[StoredTransaction]:
    """Transactions of real applicants that ended in an accept, by id, from behind one on."""
    query = (
        select(*_COLUMNS)
        .where(
            transactions.c.tenant == tenant,
            transactions.c.state == "completed",
            transactions.c.final_outcome == "accept",
            transactions.c.sandbox.is_(False),
            transactions.c.id > after,
        )
        .order_by(transactions.c.id)
        .limit(limit)
    )
    return [_stored(row) for row in connection.execute(query)]


def most_overdue(connection: Connection, now: int) -> int:
    """For how long the row is overdue to be expired or erased that is so longest, in ms."""
    expired = select(func.min(transactions.c.expires_at)).where(transactions.c.state.in_(OPEN))
    kept = select(func.min(transactions.c.keep_until)).where(transactions.c.state != "erased")
    since = [connection.scalar(query) for query in (expired, kept)]
    return max([0, *(now - int(moment) for moment in since if moment is not None)])


def erase_transaction(
    connection: Connection, row: StoredTransaction, now: int, *, pieces: bool = True
) -> None:
    """Delete a transaction's key, its media and all that says whose it was; a tombstone stays.

    Nothing is opened for it: what is damaged is erased as well.

    Args:
        connection: Within a writing transaction.
        row: The transaction.
        now: ms since 1970.
        pieces: Whether to overwrite the sealed pieces of media at once, for which the log needs
            as much room again; else they are swept away later, unreadable without their key.
    """
    drop_job(connection, row.id)
    if pieces:
        drop_media(connection, row.id)
    else:
        connection.execute(delete(media).where(media.c.transaction == row.id))
    shred(connection, row.tenant, [row.id])
    connection.execute(delete(explanations).where(explanations.c.transaction == row.id))
    connection.execute(delete(idempotency).where(idempotency.c.transaction == row.id))
    connection.execute(delete(devices).where(devices.c.transaction == row.id))
    drop_shadow_verdicts(connection, row.id)
    gone = {column.name: None for column in _COLUMNS if column.name.startswith("sealed_")}
    change_transaction(
        connection,
        row.id,
        {
            **gone,
            "state": "erased",
            "erased_at": now,
            "keep_until": None,
            "nonce": None,
            "subject_digest": None,
            "device_digest": None,
            "upload_digest": bytes(32),
            "device": None,
        },
    )


def keep_explanation(connection: Connection, transaction: str, attempt: int, sealed: bytes) -> None:
    """Keep what the reviewer of an attempt is shown, in the place of an earlier attempt's."""
    connection.execute(delete(explanations).where(explanations.c.transaction == transaction))
    connection.execute(
        insert(explanations).values(transaction=transaction, attempt=attempt, sealed=sealed)
    )


def find_explanation(connection: Connection, transaction: str, attempt: int) -> bytes | None:
    """What the reviewer of an attempt is shown; None when it was not kept."""
    sealed: bytes | None = connection.scalar(
        select(explanations.c.sealed).where(
            explanations.c.transaction == transaction, explanations.c.attempt == attempt
        )
    )
    return sealed


def see_media(
    connection: Connection, vault: Vault, transaction: str, sha256s: list[bytes], now: int
) -> bool:
    """Note recordings as handed in; whether another transaction handed in one of them before.

    Args:
        connection: Within a writing transaction.
        vault: Of the tenant.
        transaction: Which hands them in.
        sha256s: Digests of the recordings.
        now: ms since 1970.
    """
    for digest in sorted(vault.digest("seen", sha256) for sha256 in sha256s):
        known = connection.scalar(
            select(seen_media.c.transaction).where(
                seen_media.c.tenant == vault.tenant, seen_media.c.digest == digest
            )
        )
        if known is not None and known != transaction:
            return True
        if known is None:
            connection.execute(
                insert(seen_media).values(
                    tenant=vault.tenant, digest=digest, transaction=transaction, seen_at=now
                )
            )
    return False


def note_failure(connection: Connection, tenant: str, who: list[bytes], now: int) -> None:
    """Note a failed attempt of a subject or device, by its keyed digest."""
    for digest in who:
        connection.execute(insert(failures).values(tenant=tenant, who=digest, failed_at=now))


def count_failures(
    connection: Connection, tenant: str, who: list[bytes], since: int
) -> tuple[int, int]:
    """Failed attempts of the worst of some subjects or devices since a time, and the newest."""
    rows = connection.execute(
        select(func.count(), func.max(failures.c.failed_at))
        .where(failures.c.tenant == tenant, failures.c.who.in_(who), failures.c.failed_at >= since)
        .group_by(failures.c.who)
    ).all()
    return max(((int(row[0]), int(row[1])) for row in rows), default=(0, 0))


def find_answer(connection: Connection, tenant: str, key: str) -> IdempotentAnswer | None:
    """What was answered to an idempotency key; None when it is new."""
    row = connection.execute(
        select(idempotency).where(idempotency.c.tenant == tenant, idempotency.c.key == key)
    ).one_or_none()
    if row is None:
        return None
    return IdempotentAnswer(row.request_digest, row.transaction, row.sealed_answer)


def keep_answer(
    connection: Connection, tenant: str, key: str, answer: IdempotentAnswer, now: int
) -> None:
    """Keep what is answered to an idempotency key.

    Raises:
        StoreError: `store.conflict`: the same key came in twice at once.
    """
    connection.execute(
        insert(idempotency).values(
            tenant=tenant,
            key=key,
            request_digest=answer.request_digest,
            transaction=answer.transaction,
            sealed_answer=answer.sealed_answer,
            created_at=now,
        )
    )


def drop_answer(connection: Connection, tenant: str, key: str, transaction: str) -> None:
    """Forget what was answered to a key, if it still is the answer about that transaction."""
    connection.execute(
        delete(idempotency).where(
            idempotency.c.tenant == tenant,
            idempotency.c.key == key,
            idempotency.c.transaction == transaction,
        )
    )


def sweep_records(
    connection: Connection, failures_before: int, answers_before: int, seen_before: int
) -> None:
    """Delete what has done its work: old failures, idempotency keys and digests of media."""
    connection.execute(delete(failures).where(failures.c.failed_at < failures_before))
    connection.execute(delete(idempotency).where(idempotency.c.created_at < answers_before))
    connection.execute(delete(seen_media).where(seen_media.c.seen_at < seen_before))


def _stored(row: Row[Any]) -> StoredTransaction:
    return StoredTransaction(**row._mapping)
