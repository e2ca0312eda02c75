"""Which links to the page for applicants are there, and which devices opened them?

The functions run within the caller's database transaction.
"""

from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from veridical.store.schema import devices

__all__ = [
    "Device",
    "add_device",
    "change_device",
    "count_devices",
    "find_device",
    "find_link",
    "token_device",
]


@dataclass(frozen=True, slots=True)
class Device:
    """A link, or the device that opened it.

    Attributes:
        id: Of both.
        transaction: Whose.
        made_at: When the link was made, ms since 1970.
        link_digest: SHA-256 of the secret of a link that nobody has opened yet.
        link_until: Until when it can be opened, ms since 1970; None for as long as the transaction.
        public_key: P-256 key of the device, as SubjectPublicKeyInfo; None before it is opened.
        proofs: Highest number that the device signed: none counts twice.
        token_digest: SHA-256 of the upload token that it holds.
    """

    id: str
    transaction: str
    made_at: int
    link_digest: bytes | None = None
    link_until: int | None = None
    public_key: bytes | None = None
    proofs: int = 0
    token_digest: bytes | None = None


_COLUMNS = [devices.c[field.name] for field in fields(Device)]


def add_device(connection: Connection, device: Device) -> None:
    """Insert a new link."""
    values = {field.name: getattr(device, field.name) for field in fields(device)}
    connection.execute(insert(devices).values(**values))


def count_devices(connection: Connection, transaction: str) -> int:
    """How many links were made for a transaction."""
    query = select(func.count()).where(devices.c.transaction == transaction)
    return int(connection.scalar(query) or 0)


def find_device(connection: Connection, device: str) -> Device | None:
    """One of them; None when there is no such."""
    return _first(connection, devices.c.id == device)


def find_link(connection: Connection, transaction: str, digest: bytes) -> Device | None:
    """The link of a transaction with a secret that nobody has used yet."""
    return _first(
        connection, (devices.c.transaction == transaction) & (devices.c.link_digest == digest)
    )


def token_device(connection: Connection, transaction: str, digest: bytes) -> Device | None:
    """The device of a transaction that holds a token."""
    return _first(
        connection, (devices.c.transaction == transaction) & (devices.c.token_digest == digest)
    )


def change_device(connection: Connection, device: str, **values: object) -> None:
    """Set some columns of one."""
    connection.execute(update(devices).where(devices.c.id == device).values(**values))


def _first(connection: Connection, which: Any) -> Device | None:  # noqa: ANN401
    row: Row[Any] | None = connection.execute(select(*_COLUMNS).where(which)).first()
    return None if row is None else Device(**row._mapping)
