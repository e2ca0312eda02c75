"""Which keys may sign evidence? Their public halves, for all replicas."""

from collections.abc import Mapping

from sqlalchemy import Connection, select, text
from sqlalchemy.dialects import postgresql, sqlite

from veridical.store.schema import signing_keys

__all__ = ["add_signers", "only_writer", "signers"]


def signers(connection: Connection) -> dict[str, str]:
    """Public keys in PEM by their short names, the first registered first."""
    rows = connection.execute(
        select(signing_keys.c.key_id, signing_keys.c.pem).order_by(
            signing_keys.c.registered_at, signing_keys.c.key_id
        )
    )
    return {row.key_id: row.pem for row in rows}


def add_signers(connection: Connection, keys: Mapping[str, str], now: int) -> None:
    """Register public keys; one that is registered stays as it is."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    for key_id, pem in keys.items():
        connection.execute(
            dialect.insert(signing_keys)
            .values(key_id=key_id, pem=pem, registered_at=now)
            .on_conflict_do_nothing()
        )


def only_writer(connection: Connection) -> None:
    """Let nobody else register a key until this transaction ends."""
    if connection.dialect.name != "sqlite":  # which has one writer anyway
        connection.execute(text("LOCK TABLE signing_keys IN SHARE ROW EXCLUSIVE MODE"))
