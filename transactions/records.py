"""What the chain of evidence says of a transaction, and what the outside is told."""

import json
from collections.abc import Mapping
from typing import Any

from veridical.store import Connection
from veridical.store.chain import Link, append_link
from veridical.store.outbox import add_letter
from veridical.store.transactions import StoredTransaction
from veridical.transactions.resources import Principal, Resources, iso
from veridical.verification.evidence import signed_record
from veridical.wire import WEBHOOK_FORMAT

__all__ = ["act", "record", "tell"]


def record(
    connection: Connection, resources: Resources, tenant: str, body: Mapping[str, Any]
) -> Link:
    """Append a signed record to a tenant's chain.

    Args:
        connection: Within the transaction that brings about what is recorded.
        resources: Holds the signing key.
        tenant: Whose chain.
        body: With `transaction`; nothing personal, for it stays after an erasure.
    """

    def write(sequence: int, previous: str) -> tuple[str, str]:
        line, digest = signed_record(resources.signing, body, sequence, previous)
        return line.decode(), digest

    return append_link(connection, tenant, body["transaction"], resources.clock(), write)


def act(
    connection: Connection,
    resources: Resources,
    tenant: str,
    caller: Principal,
    action: str,
    about: str,
    transaction: str = "",
) -> None:
    """Append to a tenant's chain that somebody did what is to be accounted for.

    Args:
        connection: Within the transaction in which it is done.
        resources: Holds the signing key.
        tenant: Whose chain.
        caller: Who did it.
        action: Such as `key.issued`.
        about: To what: a name of ours, nothing personal.
        transaction: To which one; empty where it is about none.
    """
    body = {
        "event": "action",
        "transaction": transaction,
        "action": action,
        "about": about,
        "operator": caller.acts_as,
        "api_key": caller.name,
        "environment": "sandbox" if caller.sandbox else "live",
        "decided_at": iso(resources.clock()),
    }
    record(connection, resources, tenant, body)


def tell(
    connection: Connection,
    row: StoredTransaction,
    event: str,
    urls: list[str],
    now: int,
    late_ms: int = 0,
) -> None:
    """Write the webhooks of an event; they are sent once the transaction is kept.

    Args:
        connection: Within the transaction that brings about what is told.
        row: As it is now.
        event: Such as `transaction.completed`.
        urls: Where to.
        now: ms since 1970.
        late_ms: How much later they are sent than they could be.
    """
    body = json.dumps(
        {
            "format": WEBHOOK_FORMAT,
            "type": event,
            "timestamp": iso(now),
            "data": {
                "id": row.id,
                "kind": row.kind,
                "state": row.state,
                "outcome": row.outcome,
                "final_outcome": row.final_outcome,
                "sandbox": row.sandbox,
            },
        }
    )
    for url in dict.fromkeys(url for url in urls if url):
        add_letter(connection, row.tenant, url, body, now, late_ms)
