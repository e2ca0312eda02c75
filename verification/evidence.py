"""Can it be proven later what was decided? Signed records, each chained to the one before.

A record holds digests, scores, thresholds and names of models; no pixels, no sound, no template,
no document field. The caller's transaction id stands in it: it must be an opaque reference.
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from veridical.errors import InputError, StoreError
from veridical.policy.verdict import Verdict, verdict_to_json

__all__ = [
    "Chain",
    "EvidenceLog",
    "SigningKey",
    "parse_public_keys",
    "public_keys",
    "read_public_keys",
    "rotate_signing_key",
    "signature_fault",
    "signed_record",
    "verdict_body",
    "verify_chain",
]

FORMAT = "veridical.evidence/1"
GENESIS = "0" * 64
MAX_LINE_BYTES = 1 << 20
_RULE_KEYS = ("rule", "holds", "then")
"""The words of a rule are the policy's, whose hash stands in the record."""
_CHECK_KEYS = (
    "check", "status", "score", "reason", "accept_at", "reject_below", "point_source", "models",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SigningKey:
    """An Ed25519 key that signs records.

    Attributes:
        private: The key itself.
    """

    private: Ed25519PrivateKey

    @classmethod
    def from_file(cls, path: Path) -> "SigningKey":
        """Read a PEM file (PKCS 8); a first key is made where there is none, readable by its owner.

        Raises:
            InputError: `evidence.key`: the file holds no Ed25519 key.
            StoreError: The file cannot be read or made.
        """
        try:
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                pem = Ed25519PrivateKey.generate().private_bytes(
                    Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
                )
                # O_EXCL: of two processes that start at once, one makes the key, both read it.
                try:
                    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                except FileExistsError:
                    handle = -1
                if handle >= 0:
                    with os.fdopen(handle, "wb") as stream:
                        stream.write(pem)
            key = load_pem_private_key(path.read_bytes(), None)
        except OSError as error:
            raise StoreError(f"cannot use the signing key {path}: {error.strerror}") from error
        except (ValueError, TypeError) as error:
            raise InputError(f"{path} holds no unencrypted PEM key", "evidence.key") from error
        if not isinstance(key, Ed25519PrivateKey):
            raise InputError(f"{path} holds a key of another kind than Ed25519", "evidence.key")
        return cls(key)

    @property
    def public_pem(self) -> bytes:
        """The public key, for those who verify."""
        return self.private.public_key().public_bytes(
            Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
        )

    @property
    def key_id(self) -> str:
        """Short name of the key: the first 16 hex digits of the hash of its public half."""
        return key_id(self.private.public_key())


def public_keys(path: Path) -> bytes:
    """PEM of the public half of a key file's key, and of those it was rotated from.

    Raises:
        InputError: `evidence.key`.
        StoreError: A file cannot be read.
    """
    retired = _retired(path)
    earlier = retired.read_bytes() if retired.exists() else b""
    return earlier + SigningKey.from_file(path).public_pem


def rotate_signing_key(path: Path) -> SigningKey:
    """Put a new key in the place of a key file's; of the old one only the public half stays.

    Whoever signs reads the file when it starts: restart it afterwards.

    Raises:
        InputError: `evidence.key`.
        StoreError: A file cannot be written.
    """
    old = SigningKey.from_file(path)
    beside = path.with_suffix(".new")
    try:
        with _retired(path).open("ab") as stream:
            stream.write(old.public_pem)
            stream.flush()
            os.fsync(stream.fileno())
        beside.unlink(missing_ok=True)
        new = SigningKey.from_file(beside)
        beside.replace(path)
    except OSError as error:
        raise StoreError(f"cannot rotate the signing key {path}: {error.strerror}") from error
    return new


def _retired(path: Path) -> Path:
    return path.with_suffix(".retired.pem")


def key_id(key: Ed25519PublicKey) -> str:
    """Short name of a public key."""
    return hashlib.sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:16]


class EvidenceLog:
    """A file of records, one JSON line each, only ever appended to.

    Safe for several threads and processes: whoever appends holds the file's lock, so that the
    chain has one order.

    Args:
        path: The file; made at the first record.
        key: Signs the records.
    """

    def __init__(self, path: Path, key: SigningKey) -> None:
        self._path = path
        self._key = key

    def append(self, verdict: Verdict, media_sha256: Mapping[str, str]) -> str:
        """Record one verdict; it is on disk when this returns.

        Args:
            verdict: What was decided.
            media_sha256: Hash of every medium as it was handed in, by kind.

        Returns:
            Hash of the record: the new head of the chain.

        Raises:
            StoreError: The record could not be written; the verdict must not be given out then.
                `evidence.damaged`: the file does not end in a record that could be gone on from.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("ab+") as stream:
                fcntl.flock(stream, fcntl.LOCK_EX)
                sequence, previous = _head(stream.fileno())
                body = verdict_body(verdict_to_json(verdict), media_sha256)
                line, digest = signed_record(self._key, body, sequence + 1, previous)
                stream.write(line)
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            raise StoreError(f"cannot write evidence to {self._path}: {error.strerror}") from error
        return digest


def _head(descriptor: int) -> tuple[int, str]:
    """Sequence number and hash of the last whole record; a line cut off by a crash is removed."""
    size = os.fstat(descriptor).st_size
    if not size:
        return 0, GENESIS
    start = max(0, size - 2 * MAX_LINE_BYTES)
    tail = os.pread(descriptor, size - start, start)
    whole = tail.rfind(b"\n") + 1
    if whole != len(tail) and (whole or not start):
        os.ftruncate(descriptor, start + whole)
    if not whole and not start:
        return 0, GENESIS
    try:
        last = json.loads(tail[:whole].splitlines()[-1])
        return int(last["sequence"]), str(last["hash"])
    except (ValueError, LookupError, TypeError) as error:
        raise StoreError(
            "the evidence log does not end in a record: keep it, and name another file",
            "evidence.damaged",
        ) from error


def verdict_body(told: Mapping[str, Any], media_sha256: Mapping[str, str]) -> dict[str, Any]:
    """What a record says of a verdict.

    Args:
        told: The verdict as `verdict_to_json` wrote it; of the document, nothing is taken over.
        media_sha256: Hash of every medium as it was handed in, by kind.
    """
    return {
        **{
            key: told[key]
            for key in (
                "transaction", "outcome", "first_cause", "causes", "policy", "profile", "assurance",
                "stamps", "attempt", "decided_at", "timings_ms",
            )
        },
        "checks": [{key: check[key] for key in _CHECK_KEYS} for check in told["checks"]],
        "rules": [{key: rule[key] for key in _RULE_KEYS} for rule in told["rules"]],
        "looked_at": told["looked_at"],
        "media_sha256": dict(media_sha256),
    }  # fmt: skip


def signed_record(
    key: SigningKey, body: Mapping[str, Any], sequence: int, previous: str
) -> tuple[bytes, str]:
    """Sign one record for its place in a chain.

    Args:
        key: Signs it.
        body: What it says: plain values, nothing personal.
        sequence: Its number, from 1.
        previous: Hash of the record before it; empty for the first.

    Returns:
        The line to keep, and the record's hash: the chain's new head.
    """
    whole = {
        "format": FORMAT,
        "sequence": sequence,
        "previous": previous or GENESIS,
        "recorded_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        **body,
    }
    digest = _digest(whole)
    signature = key.private.sign(bytes.fromhex(digest)).hex()
    record = {**whole, "hash": digest, "key": key.key_id, "signature": signature}
    return _canonical(record) + b"\n", digest


def _canonical(value: Mapping[str, Any]) -> bytes:
    """Keys in order, no spaces, UTF-8, shortest numbers: in the manner of RFC 8785."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def _digest(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(_canonical(body)).hexdigest()


@dataclass(frozen=True, slots=True)
class Chain:
    """What verifying a log found.

    Attributes:
        records: Records that hold, from the first on.
        head: Hash of the last of them.
        problem: What is wrong with the next line; empty when the whole log holds.
    """

    records: int
    head: str
    problem: str = ""


def read_public_keys(paths: Sequence[Path]) -> dict[str, Ed25519PublicKey]:
    """Read public keys in PEM, by their short names; one file may hold several.

    Raises:
        InputError: `evidence.key`: a file is missing or holds no Ed25519 public key.
    """
    keys = {}
    for path in paths:
        try:
            keys.update(parse_public_keys(path.read_bytes()))
        except OSError as error:
            raise InputError(f"{path} cannot be read", "evidence.key") from error
    return keys


def parse_public_keys(pem: bytes) -> dict[str, Ed25519PublicKey]:
    """Public keys in PEM, one or several, by their short names.

    Raises:
        InputError: `evidence.key`: these are none, or of another kind than Ed25519.
    """
    try:
        parts = pem.split(b"-----END PUBLIC KEY-----")[:-1]
        found = [load_pem_public_key(part + b"-----END PUBLIC KEY-----\n") for part in parts]
    except ValueError as error:
        raise InputError("PEM public keys are wanted, these are none", "evidence.key") from error
    ed25519 = [key for key in found if isinstance(key, Ed25519PublicKey)]
    if not ed25519 or len(ed25519) != len(found):
        raise InputError("Ed25519 public keys are wanted", "evidence.key")
    return {key_id(key): key for key in ed25519}


def signature_fault(line: bytes, keys: Mapping[str, Ed25519PublicKey]) -> str:
    """What is wrong with the signature of one record, wherever it stands; empty when nothing is."""
    try:
        record = json.loads(line)
        sequence, previous = int(record["sequence"]), str(record["previous"])
    except (ValueError, KeyError, TypeError):
        return "not a record"
    return _fault(line.rstrip(b"\n") + b"\n", keys, previous, sequence)


def verify_chain(
    lines: Iterable[bytes], keys: Mapping[str, Ed25519PublicKey], head: str = ""
) -> Chain:
    """Verify a log offline: every byte, every signature, every link.

    A log whose last records were cut off still holds in itself: only a head that was published
    when they were written shows it.

    Args:
        lines: The log's lines.
        keys: Public keys by short name; rotated ones included.
        head: Hash that must be in the chain, such as one anchored elsewhere; empty for none.
    """
    previous, count, anchored = GENESIS, 0, not head
    for line in lines:
        problem = _fault(line, keys, previous, count + 1)
        if problem:
            return Chain(count, previous, f"line {count + 1}: {problem}")
        previous, count = str(json.loads(line)["hash"]), count + 1
        anchored = anchored or previous == head
    return Chain(count, previous, "" if anchored else "the anchored head is not in this log")


def _fault(line: bytes, keys: Mapping[str, Ed25519PublicKey], previous: str, sequence: int) -> str:
    """What is wrong with one line; empty when nothing is."""
    try:
        record = json.loads(line)
        body = {k: v for k, v in record.items() if k not in ("hash", "key", "signature")}
        digest, key, signature = record["hash"], record["key"], bytes.fromhex(record["signature"])
        # Also refuses another spelling of the same values: the bytes are what was written.
        spelling = _canonical(record) + b"\n"
    except (ValueError, KeyError, TypeError, AttributeError):
        return "not a record"
    if line != spelling:
        return "the line is not in canonical form"
    if record.get("format") != FORMAT:
        return f"not of format {FORMAT}"
    if record.get("sequence") != sequence or record.get("previous") != previous:
        return "does not follow the record before it"
    if digest != _digest(body):
        return "the hash does not fit the content"
    if not isinstance(key, str) or key not in keys:
        return f"signed by key {key}, which was not given"
    try:
        keys[key].verify(signature, bytes.fromhex(digest))
    except InvalidSignature:
        return "the signature does not hold"
    return ""
