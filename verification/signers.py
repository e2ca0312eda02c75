"""May this replica sign evidence? Only with a key whose public half all replicas know."""

import time

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from veridical.errors import StoreError
from veridical.store import Database
from veridical.store.chain import newest_lines
from veridical.store.signers import add_signers, only_writer, signers
from veridical.verification.evidence import SigningKey, parse_public_keys, signature_fault

__all__ = ["admit_signer", "prove_signing", "register_signer", "registered_keys"]


def registered_keys(database: Database) -> bytes:
    """PEM of every key that may sign, or ever might, the first registered first.

    Raises:
        StoreError: The database cannot be read.
    """
    with database.reading() as connection:
        return "".join(signers(connection).values()).encode("ascii")


def admit_signer(database: Database, key: SigningKey, known: bytes) -> None:
    """Let a replica sign with a registered key; the first of an installation is registered.

    Args:
        database: Upgraded.
        key: The replica's.
        known: PEM of the keys it was rotated from and its own: what signed before keys were kept in
            the database.

    Raises:
        StoreError: `evidence.key`: nobody registered this key. Records that it signed could not be
            verified with the keys that are known.
    """
    with database.reading() as connection:
        registered = signers(connection)
    if not registered:
        with database.writing() as connection:
            only_writer(connection)
            registered = signers(connection)
            if not registered:
                add_signers(connection, _by_name(known), _now())
                return
    if key.key_id not in registered:
        raise StoreError(
            f"evidence would be signed by key {key.key_id}, which is not registered: give this "
            "replica the signing key of the others (VERIDICAL_SIGNING_KEY_FILE), or register its "
            "own with `veridical evidence register-key`",
            "evidence.key",
        )


def register_signer(database: Database, key: SigningKey) -> None:
    """Register a key, before a replica signs with it.

    Raises:
        StoreError: The database cannot be written.
    """
    with database.writing() as connection:
        add_signers(connection, _by_name(key.public_pem), _now())


def prove_signing(database: Database, key: SigningKey) -> None:
    """Check that a replica signs with a registered key, and that the newest evidence was.

    Raises:
        StoreError: `evidence.key`: one of them is not; else the database cannot be read.
    """
    keys = parse_public_keys(registered_keys(database) or key.public_pem)
    if key.key_id not in keys:
        raise StoreError(
            "this replica's signing key is not registered: give it that of the others, or "
            "`veridical evidence register-key`",
            "evidence.key",
        )
    with database.reading() as connection:
        lines = newest_lines(connection, limit=1)
    for line in lines:
        if fault := signature_fault(line.encode(), keys):
            raise StoreError(
                f"the signing key is not that of the evidence ({fault}): give back its file and "
                "that of retired keys",
                "evidence.key",
            )


def _by_name(pem: bytes) -> dict[str, str]:
    return {
        name: key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")
        for name, key in parse_public_keys(pem).items()
    }


def _now() -> int:
    return time.time_ns() // 1_000_000
