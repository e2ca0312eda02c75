"""Who may use the service, and with which keys?"""

import hashlib
import hmac
import json
import re
import secrets
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from veridical.errors import InputError, StoreError
from veridical.store.database import Database
from veridical.store.schema import NAME_LENGTH, api_keys, tenants

__all__ = [
    "DEFAULT_TENANT",
    "ApiKey",
    "Look",
    "Tenant",
    "add_tenant",
    "any_api_key",
    "api_keys_of",
    "change_limits",
    "environment_of",
    "find_api_key",
    "find_tenant",
    "issue_api_key",
    "list_tenants",
    "look_of",
    "owner_of",
    "revoke_api_key",
    "set_look",
]

DEFAULT_TENANT = "default"
_SANDBOX = "\x1esandbox"
"""Ends the name under which a tenant's sandbox is kept: no tenant's own name can, which is
printable."""
KEY_WORD = "vk_"
_PREFIX_CHARACTERS = 12
_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Tenant:
    """One customer of an installation.

    Attributes:
        name: Of 1 to 200 printable characters.
        requests_per_minute: Most requests in a minute, at each replica.
        concurrent: Most requests at once, at each replica.
    """

    name: str
    requests_per_minute: int
    concurrent: int


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key without its secret.

    Attributes:
        prefix: Its name.
        tenant: Whose it is.
        scopes: What it allows.
        sandbox: Whether it makes sandbox transactions.
        label: What it is for.
        created_at: ms since 1970.
        expires_at: ms since 1970; None when it never does.
        revoked_at: ms since 1970; None when it is not.
        person: Name of the person who alone uses it; empty for a key of a machine.
    """

    prefix: str
    tenant: str
    scopes: frozenset[str]
    sandbox: bool
    label: str
    created_at: int
    expires_at: int | None
    revoked_at: int | None
    person: str = ""


@dataclass(frozen=True, slots=True)
class Look:
    """How a tenant's page for applicants looks, and where it may send them.

    Attributes:
        display_name: Who asks for the verification, for people; empty for the tenant's name.
        accent: Colour of buttons, `#rrggbb`; empty for the page's own.
        logo: PNG; empty for none.
        return_urls: Addresses that applicants may be sent to; one that ends with a slash allows
            all below it.
    """

    display_name: str = ""
    accent: str = ""
    logo: bytes = b""
    return_urls: tuple[str, ...] = ()


def environment_of(tenant: str, *, sandbox: bool) -> str:
    """Under which name data are kept: a tenant's own, or those of its sandbox.

    Everything is kept by tenant, so a sandbox under a name of its own shares nothing with it.
    """
    return tenant + _SANDBOX if sandbox else tenant


def owner_of(environment: str) -> str:
    """The tenant of an environment: who has keys, limits and webhooks."""
    return environment.removesuffix(_SANDBOX)


def add_tenant(database: Database, tenant: Tenant) -> None:
    """Add a tenant.

    Raises:
        InputError: `tenant.exists`; `tenant.name`: empty, too long or not printable.
        StoreError: The database cannot be written.
    """
    longest = NAME_LENGTH - len(_SANDBOX)
    if not 0 < len(tenant.name) <= longest or not tenant.name.isprintable():
        raise InputError(
            f"tenants have names of 1 to {longest} printable characters", "tenant.name"
        )
    try:
        with database.writing() as connection:
            connection.execute(
                insert(tenants).values(
                    name=tenant.name,
                    created_at=_now_ms(),
                    requests_per_minute=tenant.requests_per_minute,
                    concurrent=tenant.concurrent,
                )
            )
    except StoreError as error:
        if error.code == "store.conflict":
            raise InputError("there is such a tenant already", "tenant.exists") from error
        raise


def change_limits(database: Database, name: str, requests_per_minute: int, concurrent: int) -> None:
    """Set what a tenant may ask of each replica.

    Raises:
        InputError: `tenant.unknown`.
        StoreError: The database cannot be written.
    """
    with database.writing() as connection:
        limits = {"requests_per_minute": requests_per_minute, "concurrent": concurrent}
        _change_tenant(connection, name, limits)


def list_tenants(database: Database) -> list[Tenant]:
    """All tenants, by name."""
    with database.reading() as connection:
        return [_tenant(row) for row in connection.execute(select(tenants).order_by("name"))]


def find_tenant(database: Database, name: str) -> Tenant | None:
    """One tenant, also by the name of its sandbox; None when there is no such."""
    with database.reading() as connection:
        row = connection.execute(
            select(tenants).where(tenants.c.name == owner_of(name))
        ).one_or_none()
        return None if row is None else _tenant(row)


def set_look(database: Database, name: str, look: Look) -> None:
    """Say how a tenant's page looks.

    Raises:
        InputError: `tenant.unknown`; `tenant.look`: name, colour or address are none.
        StoreError: The database cannot be written.
    """
    if len(look.display_name) > 100 or not look.display_name.isprintable():
        raise InputError("a page's name has at most 100 printable characters", "tenant.look")
    if look.accent and not re.fullmatch("#[0-9a-f]{6}", look.accent):
        raise InputError("a colour is written as #1f4fd8", "tenant.look")
    for url in look.return_urls:
        # The slash after the host keeps `https://bank.example` from allowing bank.example.evil.
        if not re.fullmatch(r"(https://|http://(127\.0\.0\.1|localhost)[:/])[!-?A-~]+", url) or (
            url.count("/") < 3
        ):
            raise InputError(
                "a return address is written as https://bank.example/app/, with a path, without "
                "@ or spaces",
                "tenant.look",
            )
    with database.writing() as connection:
        changed = {
            "display_name": look.display_name,
            "accent": look.accent,
            "logo": look.logo,
            "return_urls": json.dumps(look.return_urls),
        }
        _change_tenant(connection, name, changed)


def look_of(connection: Connection, name: str) -> Look:
    """How the page of a tenant looks, also by the name of its sandbox."""
    row = connection.execute(
        select(
            tenants.c.display_name, tenants.c.accent, tenants.c.logo, tenants.c.return_urls
        ).where(tenants.c.name == owner_of(name))
    ).one_or_none()
    if row is None:
        return Look()
    urls = tuple(json.loads(row.return_urls or "[]"))
    return Look(row.display_name or "", row.accent or "", row.logo or b"", urls)


def issue_api_key(
    database: Database,
    tenant: str,
    scopes: Collection[str],
    label: str = "",
    expires_at: int | None = None,
    *,
    sandbox: bool = False,
    person: str = "",
) -> tuple[ApiKey, str]:
    """Make a key.

    Returns:
        The key, and its text: the only copy, for only a hash of its secret is kept. The secret has
        256 bits of chance: a plain SHA-256 of it cannot be searched.

    Raises:
        InputError: `tenant.unknown`; `tenant.person`: the name is too long or not printable.
        StoreError: The database cannot be written.
    """
    prefix = secrets.token_hex(_PREFIX_CHARACTERS // 2)
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    if len(person) > NAME_LENGTH or not person.isprintable():
        raise InputError(
            f"persons have names of at most {NAME_LENGTH} printable characters", "tenant.person"
        )
    key = ApiKey(
        prefix,
        tenant,
        frozenset(scopes),
        sandbox,
        label[:NAME_LENGTH],
        _now_ms(),
        expires_at,
        None,
        person,
    )
    with database.writing() as connection:
        if connection.scalar(select(tenants.c.name).where(tenants.c.name == tenant)) is None:
            raise _unknown_tenant()
        connection.execute(
            insert(api_keys).values(
                prefix=prefix,
                tenant=tenant,
                digest=_digest(secret),
                scopes=" ".join(sorted(key.scopes)),
                sandbox=sandbox,
                label=key.label,
                created_at=key.created_at,
                expires_at=expires_at,
                person=person or None,
            )
        )
    return key, f"{KEY_WORD}{prefix}_{secret}"


def find_api_key(database: Database, text: str) -> ApiKey | None:
    """The key of a text; None when it is malformed, unknown, revoked or expired."""
    prefix, secret = _parts(text)
    with database.reading() as connection:
        row = connection.execute(select(api_keys).where(api_keys.c.prefix == prefix)).one_or_none()
    # Compared in any case, so that time does not tell which prefixes there are.
    genuine = hmac.compare_digest(_digest(secret), row.digest if row else bytes(_SECRET_BYTES))
    if row is None or not genuine or row.revoked_at is not None:
        return None
    if row.expires_at is not None and row.expires_at <= _now_ms():
        return None
    return _api_key(row)


def revoke_api_key(database: Database, prefix: str, tenant: str | None = None) -> bool:
    """Revoke a key at once, of one tenant when it is given; whether there was one to revoke."""
    query = update(api_keys).where(api_keys.c.prefix == prefix, api_keys.c.revoked_at.is_(None))
    if tenant is not None:
        query = query.where(api_keys.c.tenant == tenant)
    with database.writing() as connection:
        return bool(connection.execute(query.values(revoked_at=_now_ms())).rowcount)


def api_keys_of(database: Database, tenant: str) -> list[ApiKey]:
    """All keys of a tenant, oldest first."""
    with database.reading() as connection:
        rows = connection.execute(
            select(api_keys).where(api_keys.c.tenant == tenant).order_by(api_keys.c.created_at)
        )
        return [_api_key(row) for row in rows]


def any_api_key(database: Database) -> bool:
    """Whether anybody holds a key that was not revoked."""
    with database.reading() as connection:
        query = select(api_keys.c.prefix).where(api_keys.c.revoked_at.is_(None)).limit(1)
        return connection.scalar(query) is not None


def _parts(text: str) -> tuple[str, str]:
    words = text.removeprefix(KEY_WORD)
    return words[:_PREFIX_CHARACTERS], words[_PREFIX_CHARACTERS + 1 :]


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _tenant(row: Row[Any]) -> Tenant:
    return Tenant(row.name, row.requests_per_minute, row.concurrent)


def _api_key(row: Row[Any]) -> ApiKey:
    return ApiKey(
        row.prefix,
        row.tenant,
        frozenset(row.scopes.split()),
        row.sandbox,
        row.label,
        row.created_at,
        row.expires_at,
        row.revoked_at,
        row.person or "",
    )


def _change_tenant(connection: Connection, name: str, values: Mapping[str, object]) -> None:
    changed = connection.execute(update(tenants).where(tenants.c.name == name).values(**values))
    if not changed.rowcount:
        raise _unknown_tenant()


def _unknown_tenant() -> InputError:
    return InputError("no such tenant; add it first", "tenant.unknown")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
