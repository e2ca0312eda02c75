"""Is the chip the one that was signed, or a copy of its files? Active authentication.

Source: ICAO Doc 9303-11, 6.1: the chip signs eight random bytes with a key that never leaves it; by
RSA with message recovery (ISO/IEC 9796-2, scheme 1) or by ECDSA.

Chip authentication (9303-11, 6.2) is an agreement of keys between chip and terminal: whoever holds
the terminal's key can make its transcript alone, so that a transcript from an app proves nothing to
a server. It is not taken.
"""

import hashlib
import hmac

from asn1crypto import core, keys
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa, utils

from veridical.chip.signatures import Rules, load_key
from veridical.chip.tlv import only

__all__ = ["chip_challenge", "verify_active"]

RULES = Rules(rsa_bits=1024)
TRAILERS = {0x33: "sha1", 0x34: "sha256", 0x35: "sha512", 0x36: "sha384", 0x38: "sha224"}
"""Second to last byte before 0xCC (ISO/IEC 10118-3); 0xBC alone stands for SHA-1."""
ACTIVE_INFO = "2.23.136.1.1.5"
PLAIN_ECDSA: dict[str, type[hashes.HashAlgorithm]] = {
    "0.4.0.127.0.7.1.1.4.1.1": hashes.SHA1,
    "0.4.0.127.0.7.1.1.4.1.2": hashes.SHA224,
    "0.4.0.127.0.7.1.1.4.1.3": hashes.SHA256,
    "0.4.0.127.0.7.1.1.4.1.4": hashes.SHA384,
    "0.4.0.127.0.7.1.1.4.1.5": hashes.SHA512,
}


def chip_challenge(transaction: str) -> bytes:
    """The eight bytes that a chip is asked to sign in a transaction.

    They follow from its id, which nobody knows before it is started: an answer recorded earlier
    does not fit.

    Args:
        transaction: Its id.
    """
    return hashlib.sha256(b"veridical chip " + transaction.encode()).digest()[:8]


def verify_active(
    public_key: bytes, security_infos: bytes | None, challenge: bytes, response: bytes
) -> bool:
    """Whether a chip's answer was made with the key that its state signed.

    Args:
        public_key: SubjectPublicKeyInfo of data group 15, whose hash must hold.
        security_infos: Data group 14, which names the hash for ECDSA; SHA-256 without it.
        challenge: The eight bytes.
        response: The answer.

    Raises:
        RefusedError: The key is of a kind that is not known.
        MalformedError: It is none.
    """
    key = load_key(keys.PublicKeyInfo.load(public_key, strict=True), RULES)
    if isinstance(key, rsa.RSAPublicKey):
        return _recovered(key, challenge, response)
    hashed = _hash_for(security_infos)
    half = (key.key_size + 7) // 8
    if len(response) == 2 * half:  # r and s as they are (BSI TR-03111)
        response = utils.encode_dss_signature(
            int.from_bytes(response[:half], "big"), int.from_bytes(response[half:], "big")
        )
    try:
        key.verify(response, challenge, ec.ECDSA(hashed))
    except InvalidSignature:
        return False
    return True


def _recovered(key: rsa.RSAPublicKey, challenge: bytes, response: bytes) -> bool:
    """Whether a signature with message recovery is over a part of its own and the challenge."""
    numbers = key.public_numbers()
    size = (numbers.n.bit_length() + 7) // 8
    value = int.from_bytes(response, "big")
    if len(response) != size or value >= numbers.n:
        return False
    message = pow(value, numbers.e, numbers.n).to_bytes(size, "big")
    if message[-1] == 0xBC:
        name, end = "sha1", size - 1
    elif message[-1] == 0xCC and message[-2] in TRAILERS:
        name, end = TRAILERS[message[-2]], size - 2
    else:
        return False
    start = end - hashlib.new(name).digest_size
    if message[0] != 0x6A or start < 2:
        return False
    made = hashlib.new(name, message[1:start] + challenge).digest()
    return hmac.compare_digest(made, message[start:end])


def _hash_for(security_infos: bytes | None) -> hashes.HashAlgorithm:
    """The hash of plain ECDSA, as data group 14 names it."""
    if security_infos is not None:
        for one in core.SetOf.load(only(security_infos, 0x6E), strict=True, spec=core.Sequence):
            if one[0].dotted == ACTIVE_INFO and len(one) > 2 and one[2].dotted in PLAIN_ECDSA:
                return PLAIN_ECDSA[one[2].dotted]()
    return hashes.SHA256()
