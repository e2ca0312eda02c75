"""What opens what is kept of one transaction, or of one tenant?

Each has a data key of its own beside those of enrolled subjects, wrapped with the master key and
turned over with them. Deleting it makes everything that was sealed with it unreadable.
"""

import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, delete

from veridical.store.keys import KeyProvider, seal, unseal
from veridical.store.schema import data_keys
from veridical.store.subjects import data_key, kept_data_keys

__all__ = ["Vault", "made_vault", "opened_vault", "shred"]

# Enrolled subjects have printable names: none can be that of a transaction.
_MARK = "\x1f"


@dataclass(frozen=True, slots=True)
class Vault:
    """Seals and opens what belongs to one holder.

    Attributes:
        tenant: Whose.
        holder: Id of the transaction; empty for the tenant itself.
    """

    tenant: str
    holder: str
    _key: bytes = field(repr=False)

    def seal(self, plain: bytes, *place: str | int) -> bytes:
        """Encrypt, bound to a place such as the name of a column."""
        return seal(self._key, plain, "vault", self.tenant, self.holder, *place)

    def unseal(self, sealed: bytes, *place: str | int) -> bytes:
        """Undo `seal`.

        Raises:
            StoreError: `store.tampered`.
        """
        return unseal(self._key, sealed, "vault", self.tenant, self.holder, *place)

    def seal_json(self, value: object, place: str) -> bytes:
        """Encrypt plain values."""
        return self.seal(json.dumps(value, separators=(",", ":")).encode(), place)

    def unseal_json(self, sealed: bytes, place: str) -> Any:  # noqa: ANN401
        """Undo `seal_json`.

        Raises:
            StoreError: `store.tampered`.
        """
        return json.loads(self.unseal(sealed, place))

    def digest(self, *words: str | bytes) -> bytes:
        """A keyed digest: equal words give equal digests, and nobody else can guess them.

        Source: HMAC-SHA256, RFC 2104.
        """
        parts = [word.encode() if isinstance(word, str) else word for word in words]
        message = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
        return hmac.digest(self._key, message, hashlib.sha256)


def made_vault(connection: Connection, keys: KeyProvider, tenant: str, holder: str = "") -> Vault:
    """The vault of a transaction or tenant, with a key made where there is none.

    Raises:
        StoreError: The master key is unknown, or the wrapped key was altered.
    """
    name = _MARK + holder
    return Vault(tenant, holder, kept_data_keys(connection, keys, tenant, [name])[name])


def opened_vault(
    connection: Connection, keys: KeyProvider, tenant: str, holder: str = ""
) -> Vault | None:
    """The vault of a transaction or tenant; None when its key was never made, or is erased.

    Raises:
        StoreError: As `made_vault`.
    """
    key = data_key(connection, keys, tenant, _MARK + holder)
    return None if key is None else Vault(tenant, holder, key)


def shred(connection: Connection, tenant: str, holders: Sequence[str]) -> None:
    """Delete the keys of some transactions: nothing opens what was sealed for them."""
    connection.execute(
        delete(data_keys).where(
            data_keys.c.tenant == tenant,
            data_keys.c.subject.in_([_MARK + holder for holder in holders]),
        )
    )
