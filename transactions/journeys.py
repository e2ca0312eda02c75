"""How an applicant comes to the page, stays on it, and goes on with it on another device.

A link works once. Whoever opens it shows a key that cannot be taken out of the device, and gets an
upload token for it; after a reload the device proves that it holds the key and gets a new one. One
device captures at a time: the others only look on.
"""

import base64
import binascii
import secrets
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from veridical.errors import InputError
from veridical.store.devices import (
    change_device,
    count_devices,
    find_device,
    find_link,
)
from veridical.store.tenants import DEFAULT_TENANT, Look, look_of, owner_of
from veridical.store.transactions import (
    OPEN,
    StoredTransaction,
    change_transaction,
    locked_transaction,
)
from veridical.transactions.links import LINK_WORD, new_link, sha256_of
from veridical.transactions.resources import Principal, ProblemError
from veridical.transactions.service import TOKEN_WORD, TransactionService
from veridical.wire import Agreement, DeviceProof, LinkOpening

__all__ = ["Journeys"]

HAND_OVER_MS = 600_000
"""How long a link to another device can be opened."""
MOST_LINKS = 20
"""Links made for one transaction."""
_ID_CHARACTERS = 34
_SIGNED = "veridical.device/1|{device}|{number}"


class Journeys:
    """Leads applicants of a service's transactions.

    Args:
        transactions: The service of the transactions.
    """

    def __init__(self, transactions: TransactionService) -> None:
        self._transactions = transactions
        self._resources = transactions.resources

    def open(self, sent: LinkOpening) -> dict[str, Any]:
        """Exchange a link for an upload token of the device that opened it.

        Raises:
            ProblemError: `link.unknown`: wrong, opened already, or too old.
            InputError: `link.key`.
        """
        key = _key(sent.public_key)
        words = sent.link.removeprefix(LINK_WORD)
        transaction, secret = words[:_ID_CHARACTERS], words[_ID_CHARACTERS + 1 :]
        now = self._resources.clock()
        # Looked up first: whoever guesses costs a reading, and keeps nobody from writing.
        with self._resources.database.reading() as connection:
            if find_link(connection, transaction, sha256_of(secret)) is None:
                raise _unknown()
        with self._resources.database.writing() as connection:
            row = locked_transaction(connection, transaction)
            link = find_link(connection, transaction, sha256_of(secret))
            if row is None or row.state == "erased" or link is None:
                raise _unknown()
            if link.link_until is not None and link.link_until <= now:
                raise _unknown()
            token = _new_token(transaction)
            change_device(
                connection,
                link.id,
                link_digest=None,
                link_until=None,
                public_key=key,
                token_digest=_token_digest(token),
            )
            if row.state in OPEN:
                change_transaction(connection, transaction, {"device": link.id})
        return self._answer(row, link.id, token)

    def renew(self, sent: DeviceProof) -> dict[str, Any]:
        """Give a device that proves its key a new upload token.

        Raises:
            ProblemError: `device.unknown`.
        """
        with self._resources.database.reading() as connection:
            known = find_device(connection, sent.device)
        if known is None or known.public_key is None:
            raise _stranger()
        _check_signature(known.public_key, sent)
        with self._resources.database.writing() as connection:
            row = locked_transaction(connection, known.transaction)
            device = find_device(connection, sent.device)
            if device is None or row is None or row.state == "erased":
                raise _stranger()
            if sent.number <= device.proofs:
                raise _stranger()
            token = _new_token(row.id)
            change_device(
                connection, device.id, proofs=sent.number, token_digest=_token_digest(token)
            )
        return self._answer(row, device.id, token)

    def hand_over(self, caller: Principal, transaction: str) -> tuple[str, int]:
        """Make a link by which another device takes a transaction over.

        Returns:
            What stands after the `#` of its address, and until when it can be opened.

        Raises:
            ProblemError: `link.too_many`, `transaction.not_found`, `transaction.state`,
                `transaction.expired`.
        """
        now = self._resources.clock()
        with self._resources.database.writing() as connection:
            self._transactions.taken(connection, caller, transaction)
            if count_devices(connection, transaction) >= MOST_LINKS:
                raise ProblemError(
                    409, "link.too_many", f"{MOST_LINKS} links were made; start a new transaction"
                )
            return new_link(connection, transaction, now, now + HAND_OVER_MS), now + HAND_OVER_MS

    def take_over(self, caller: Principal, transaction: str) -> None:
        """Let the bearer's device capture again, that handed the transaction over.

        Raises:
            ProblemError: As `hand_over`.
        """
        with self._resources.database.writing() as connection:
            self._transactions.taken(connection, caller, transaction)
            change_transaction(connection, transaction, {"device": caller.device or None})

    def agree(self, caller: Principal, transaction: str, sent: Agreement) -> None:
        """Keep that the applicant agreed.

        Raises:
            ProblemError: As `hand_over`.
        """
        with self._resources.database.writing() as connection:
            row, vault = self._transactions.taken(connection, caller, transaction)
            request = self._transactions.request_of(row, vault)
            if request.consent is None:
                given = {
                    "biometrics": True,
                    "enrol": False,
                    "text_version": sent.text_version,
                    "language": sent.language,
                }
                kept = {**request.model_dump(mode="json"), "consent": given}
                change_transaction(
                    connection, transaction, {"sealed_request": vault.seal_json(kept, "request")}
                )

    def _answer(self, row: StoredTransaction, device: str, token: str) -> dict[str, Any]:
        caller = self._transactions.holder(token)
        if caller is None:  # erased meanwhile
            raise _unknown()
        request = self._transactions.started_with(row)
        with self._resources.database.reading() as connection:
            look = look_of(connection, row.tenant)
        return {
            "device": device,
            "upload_token": token,
            "transaction": self._transactions.view(caller, row.id),
            "agreed": request.consent is not None,
            "brand": _brand(look, owner_of(row.tenant)),
            "return_url": request.return_url,
            "locale": request.locale,
        }


def _brand(look: Look, tenant: str) -> dict[str, str]:
    return {
        "name": look.display_name or ("" if tenant == DEFAULT_TENANT else tenant),
        "accent": look.accent,
        "logo": base64.b64encode(look.logo).decode(),
    }


def _new_token(transaction: str) -> str:
    return f"{TOKEN_WORD}{transaction}_{secrets.token_urlsafe(32)}"


def _token_digest(token: str) -> bytes:
    return sha256_of(token.removeprefix(TOKEN_WORD)[_ID_CHARACTERS + 1 :])


def _key(text: str) -> bytes:
    """A device's key as it is kept.

    Raises:
        InputError: `link.key`.
    """
    try:
        data = base64.b64decode(text, validate=True)
        key = load_der_public_key(data)
    except (binascii.Error, ValueError) as error:
        raise _no_key() from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise _no_key()
    return data


def _check_signature(key: bytes, sent: DeviceProof) -> None:
    try:
        signature = base64.b64decode(sent.signature, validate=True)
        if len(signature) != 64:
            raise _stranger()
        halves = (int.from_bytes(signature[:32]), int.from_bytes(signature[32:]))
        public = load_der_public_key(key)
        assert isinstance(public, ec.EllipticCurvePublicKey)  # noqa: S101  # for type checkers
        signed = _SIGNED.format(device=sent.device, number=sent.number).encode()
        public.verify(encode_dss_signature(*halves), signed, ec.ECDSA(SHA256()))
    except (binascii.Error, ValueError, InvalidSignature) as error:
        raise _stranger() from error


def _no_key() -> InputError:
    return InputError(
        "body.public_key wants a P-256 key: SubjectPublicKeyInfo, DER, in base64", "link.key"
    )


def _unknown() -> ProblemError:
    return ProblemError(
        404,
        "link.unknown",
        "the link is wrong, was opened already, or is too old; ask for a new one",
    )


def _stranger() -> ProblemError:
    return ProblemError(
        401, "device.unknown", "this is not a device that opened a link; open a new one"
    )
