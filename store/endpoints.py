"""Where are a tenant's webhooks sent, and with which secrets are they signed?"""

import secrets
import time
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select, update

from veridical.errors import InputError
from veridical.store.database import Database
from veridical.store.keys import KeyProvider
from veridical.store.schema import tenants, webhook_endpoints
from veridical.store.tenants import owner_of
from veridical.store.vault import made_vault, opened_vault

__all__ = [
    "MOST_ENDPOINTS",
    "SECRETS_OVERLAP_MS",
    "Endpoint",
    "add_endpoint",
    "endpoints_of",
    "has_secret",
    "new_secret",
    "remove_endpoint",
    "set_webhook",
    "webhook_secrets",
    "webhook_urls",
]

MOST_ENDPOINTS = 10
"""Of one environment: each event is a letter to every one."""
SECRETS_OVERLAP_MS = 86_400_000
"""For a day webhooks are signed with the secret before the newest one, too."""
_SECRET_BYTES = 32
_WEBHOOK_SECRET = "webhook_secret"  # noqa: S105  a place, not a secret


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address that is told of events.

    Attributes:
        id: Its name.
        url: Where it is.
        events: Types that it is told of; all when there is none.
        created_at: ms since 1970.
    """

    id: str
    url: str
    events: tuple[str, ...]
    created_at: int


def add_endpoint(
    connection: Connection, environment: str, url: str, events: Collection[str], now: int
) -> Endpoint:
    """Add an address.

    Raises:
        InputError: `webhook.exists`, `webhook.too_many`.
    """
    known = endpoints_of(connection, environment)
    if any(endpoint.url == url for endpoint in known):
        raise InputError("this address is an endpoint already; remove it first", "webhook.exists")
    if len(known) >= MOST_ENDPOINTS:
        raise InputError(
            f"there are {MOST_ENDPOINTS} endpoints already; remove one first", "webhook.too_many"
        )
    made = Endpoint(f"we_{secrets.token_hex(16)}", url, tuple(sorted(set(events))), now)
    connection.execute(
        insert(webhook_endpoints).values(
            id=made.id,
            tenant=environment,
            url=url,
            events=" ".join(made.events),
            created_at=now,
        )
    )
    return made


def endpoints_of(connection: Connection, environment: str) -> list[Endpoint]:
    """The endpoints of one environment, oldest first."""
    rows = connection.execute(
        select(webhook_endpoints)
        .where(webhook_endpoints.c.tenant == environment)
        .order_by(webhook_endpoints.c.created_at, webhook_endpoints.c.id)
    )
    return [Endpoint(row.id, row.url, tuple(row.events.split()), row.created_at) for row in rows]


def remove_endpoint(connection: Connection, environment: str, endpoint: str) -> bool:
    """Send nothing new to an endpoint; whether there was such."""
    gone = connection.execute(
        delete(webhook_endpoints).where(
            webhook_endpoints.c.tenant == environment, webhook_endpoints.c.id == endpoint
        )
    )
    return bool(gone.rowcount)


def webhook_urls(connection: Connection, environment: str, event: str) -> list[str]:
    """Where an event of an environment is told. Nothing is opened for it.

    A sandbox that has no endpoint tells the tenant's own; `data.sandbox` of a message says so.
    """
    found = endpoints_of(connection, environment) or endpoints_of(connection, owner_of(environment))
    return [endpoint.url for endpoint in found if not endpoint.events or event in endpoint.events]


def has_secret(connection: Connection, environment: str) -> bool:
    """Whether a tenant's webhooks can be signed."""
    mine = tenants.c.name == owner_of(environment)
    return connection.scalar(select(tenants.c.sealed_webhook_secret).where(mine)) is not None


def new_secret(connection: Connection, keys: KeyProvider, tenant: str, now: int) -> bytes:
    """Make a new secret that signs all of a tenant's webhooks.

    The one before signs as well for `SECRETS_OVERLAP_MS`, so that receivers may change over.

    Returns:
        The secret: 32 bytes.

    Raises:
        InputError: `tenant.unknown`.
    """
    secret = secrets.token_bytes(_SECRET_BYTES)
    mine = tenants.c.name == tenant
    row = connection.execute(select(tenants.c.sealed_webhook_secret).where(mine)).one_or_none()
    if row is None:
        raise InputError("no such tenant; add it first", "tenant.unknown")
    changed = {
        "sealed_webhook_secret": made_vault(connection, keys, tenant).seal(secret, _WEBHOOK_SECRET),
        "sealed_webhook_secret_before": row.sealed_webhook_secret,
        "webhook_secret_until": now + SECRETS_OVERLAP_MS,
    }
    connection.execute(update(tenants).where(mine).values(**changed))
    return secret


def set_webhook(database: Database, keys: KeyProvider, tenant: str, url: str) -> bytes:
    """Make an address the only one that a tenant's webhooks go to, with a new secret.

    Returns:
        The secret: 32 bytes; see `new_secret`.

    Raises:
        InputError: `tenant.unknown`.
        StoreError: The database cannot be written.
    """
    now = time.time_ns() // 1_000_000
    with database.writing() as connection:
        secret = new_secret(connection, keys, tenant, now)
        connection.execute(delete(webhook_endpoints).where(webhook_endpoints.c.tenant == tenant))
        add_endpoint(connection, tenant, url, (), now)
    return secret


def webhook_secrets(
    connection: Connection, keys: KeyProvider, name: str, now: int
) -> tuple[bytes, ...]:
    """What a tenant's webhooks are signed with, the newest first; none without any.

    Raises:
        StoreError: A secret does not open.
    """
    owner = owner_of(name)
    row = connection.execute(select(tenants).where(tenants.c.name == owner)).one_or_none()
    vault = opened_vault(connection, keys, owner)
    if row is None or row.sealed_webhook_secret is None or vault is None:
        return ()
    sealed = [row.sealed_webhook_secret]
    if row.sealed_webhook_secret_before is not None and (row.webhook_secret_until or 0) > now:
        sealed.append(row.sealed_webhook_secret_before)
    return tuple(vault.unseal(each, _WEBHOOK_SECRET) for each in sealed)
