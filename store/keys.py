"""Which key opens which subject's data?

Two layers. A master key, which never enters the database, wraps one data key per subject
(AES key wrap, RFC 3394); the data key encrypts what is stored of that subject (AES-256-GCM).
Turning the master key over therefore rewraps 40 bytes a subject and touches no template, and
deleting a data key makes everything of that subject unreadable, in backups of the rest as well.
"""

import base64
import binascii
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import (
    InvalidUnwrap,
    aes_key_unwrap,
    aes_key_wrap,
)

from veridical.errors import StoreError

__all__ = ["KeyProvider", "MasterKeys", "new_key", "seal", "unseal", "unwrap", "wrap"]

KEY_BYTES = 32
_NONCE_BYTES = 12


class KeyProvider(Protocol):
    """Where master keys come from: a file, the environment, or a key management service."""

    @property
    def current(self) -> str:
        """Name of the key that new data keys are wrapped with."""
        ...

    def key(self, name: str) -> bytes:
        """The 32 bytes of one key.

        Raises:
            StoreError: `store.key_unknown`.
        """
        ...


class MasterKeys:
    """A fixed set of named master keys; the last is the current one.

    Args:
        keys: 32 bytes by name, oldest first.

    Raises:
        StoreError: `store.keys`: none is given, or one has another length.
    """

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        if not keys or any(len(key) != KEY_BYTES for key in keys.values()):
            raise StoreError("at least one master key of 32 bytes is needed", "store.keys")
        self._keys = MappingProxyType(dict(keys))

    @classmethod
    def from_text(cls, text: str) -> "MasterKeys":
        """Read keys from lines (or comma-separated words) `name:base64`, oldest first.

        Raises:
            StoreError: `store.keys`: the text is malformed; what it holds is not repeated.
        """
        keys: dict[str, bytes] = {}
        for word in text.replace(",", "\n").split():
            name, separator, encoded = word.partition(":")
            try:
                key = base64.b64decode(encoded, validate=True)
            except binascii.Error:
                key = b""
            if not (name and separator) or len(key) != KEY_BYTES or name in keys:
                raise StoreError(
                    "master keys are given as name:base64 of 32 bytes, each name once; "
                    f"entry {len(keys) + 1} is not",
                    "store.keys",
                )
            keys[name] = key
        return cls(keys)

    @classmethod
    def from_file(cls, path: Path) -> "MasterKeys":
        """Read keys from a file of such lines, which nobody but its owner may read.

        Raises:
            StoreError: `store.keys`: the file is missing, malformed or open to others.
        """
        try:
            if path.stat().st_mode & 0o077:
                raise StoreError(
                    "the file of master keys is open to others; make it mode 0600", "store.keys"
                )
            return cls.from_text(path.read_text(encoding="ascii"))
        except (OSError, UnicodeDecodeError) as error:
            raise StoreError("the file of master keys cannot be read", "store.keys") from error

    @property
    def current(self) -> str:
        """Name of the key that new data keys are wrapped with."""
        return next(reversed(self._keys))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all keys, oldest first."""
        return tuple(self._keys)

    def key(self, name: str) -> bytes:
        """The 32 bytes of one key.

        Raises:
            StoreError: `store.key_unknown`.
        """
        try:
            return self._keys[name]
        except KeyError as error:
            raise StoreError(
                f"no master key named {name!r}; keep retired keys until `keys rotate` has finished",
                "store.key_unknown",
            ) from error

    @staticmethod
    def add_to_file(path: Path) -> str:
        """Append a new key to a file, made with mode 0600 when missing; it becomes the current.

        Returns:
            The new key's name.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        name = f"k{secrets.token_hex(4)}"
        line = f"{name}:{base64.b64encode(new_key()).decode('ascii')}\n"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        return name


def new_key() -> bytes:
    """32 random bytes."""
    return secrets.token_bytes(KEY_BYTES)


def wrap(provider: KeyProvider, name: str, data_key: bytes) -> bytes:
    """Wrap a data key with a named master key: 40 bytes."""
    return aes_key_wrap(provider.key(name), data_key)


def unwrap(provider: KeyProvider, name: str, wrapped: bytes) -> bytes:
    """Undo `wrap`.

    Raises:
        StoreError: `store.key_unknown`, or `store.tampered` when the wrapping does not verify.
    """
    try:
        return aes_key_unwrap(provider.key(name), wrapped)
    except InvalidUnwrap as error:
        raise StoreError(
            "a data key does not open with its master key; restore the right keys or the database",
            "store.tampered",
        ) from error


def seal(data_key: bytes, plain: bytes, *context: str | int) -> bytes:
    """Encrypt with AES-256-GCM under a fresh random nonce, bound to where the data belong.

    Args:
        data_key: 32 bytes.
        plain: What to encrypt.
        context: What the data belong to; unsealing asks for the same words.

    Returns:
        Nonce, ciphertext and tag.
    """
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(data_key).encrypt(nonce, plain, _associated(context))


def unseal(data_key: bytes, sealed: bytes, *context: str | int) -> bytes:
    """Undo `seal`.

    Raises:
        StoreError: `store.tampered`: another key, another context, or altered bytes.
    """
    try:
        nonce, body = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        return AESGCM(data_key).decrypt(nonce, body, _associated(context))
    except (InvalidTag, ValueError) as error:
        raise StoreError(
            "stored data do not verify under their key: they were altered or moved; "
            "restore them from a backup",
            "store.tampered",
        ) from error


def _associated(context: tuple[str | int, ...]) -> bytes:
    # JSON rather than joined text, so that no two contexts give the same bytes.
    return json.dumps(context, ensure_ascii=True, separators=(",", ":")).encode("ascii")
