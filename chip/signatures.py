"""Does a signature hold, by an algorithm that may still be trusted?

Rules: ICAO Doc 9303-12, 4.4, and what it has since ruled out: SHA-1 and MD5, RSA of fewer than 2048
bits, curves of fewer than 224. Keys of elliptic curves state all their parameters there; they count
only where every one is that of a known curve.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from asn1crypto import algos, core, keys
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from veridical.chip.tlv import MalformedError

__all__ = ["HASHES", "RefusedError", "Rules", "load_key", "verify"]

TABLE = Path(__file__).parent / "tables" / "curves.txt"
HASHES: dict[str, type[hashes.HashAlgorithm]] = {
    "sha224": hashes.SHA224,
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
}
CURVES: dict[str, type[ec.EllipticCurve]] = {
    "secp224r1": ec.SECP224R1,
    "secp256r1": ec.SECP256R1,
    "secp384r1": ec.SECP384R1,
    "secp521r1": ec.SECP521R1,
    "brainpoolP256r1": ec.BrainpoolP256R1,
    "brainpoolP384r1": ec.BrainpoolP384R1,
    "brainpoolP512r1": ec.BrainpoolP512R1,
}
LARGEST_RSA_BITS = 8192
MOST_EXPONENT_BITS = 64
"""More would make a verification cost what a signature does."""
LEAST_EC_BITS = 224

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey


class RefusedError(Exception):
    """A signature does not count.

    Attributes:
        reason: `chip_weak_algorithm`, `chip_unsupported` or `chip_sod_altered`.
        what: The algorithm, for people; nothing personal.
    """

    def __init__(self, reason: str, what: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.what = what


@dataclass(frozen=True, slots=True)
class Rules:
    """The least that is trusted.

    Attributes:
        rsa_bits: Of the modulus; a chip's own key of 1024 is made once and used once a passage.
    """

    rsa_bits: int = 2048


def load_key(info: keys.PublicKeyInfo, rules: Rules = Rules()) -> PublicKey:
    """The key of a certificate or a data group.

    Args:
        info: SubjectPublicKeyInfo.
        rules: The least that is trusted.

    Raises:
        RefusedError: It is too short, or of a kind or curve that is not known.
        MalformedError: It is none.
    """
    kind = info.algorithm
    if kind in ("rsa", "rsassa_pss"):
        modulus = info["public_key"].parsed["modulus"].native
        exponent = info["public_key"].parsed["public_exponent"].native
        if exponent.bit_length() > MOST_EXPONENT_BITS:
            raise RefusedError("chip_unsupported", "RSA exponent")
        if not rules.rsa_bits <= modulus.bit_length() <= LARGEST_RSA_BITS:
            raise RefusedError("chip_weak_algorithm", f"RSA of {modulus.bit_length()} bits")
        try:
            return rsa.RSAPublicNumbers(exponent, modulus).public_key()
        except ValueError as error:
            raise RefusedError("chip_weak_algorithm", "RSA numbers") from error
    if kind == "ec":
        name = _curve_of(info["algorithm"]["parameters"])
        if name not in CURVES:
            raise RefusedError("chip_unsupported", f"curve {name or 'of its own'}")
        try:
            return ec.EllipticCurvePublicKey.from_encoded_point(
                CURVES[name](), bytes(info["public_key"])
            )
        except ValueError as error:
            raise MalformedError("no point of its curve") from error
    raise RefusedError("chip_unsupported", f"key {kind}")


def verify(
    info: keys.PublicKeyInfo,
    algorithm: algos.SignedDigestAlgorithm,
    signature: bytes,
    data: bytes,
    digest: str = "",
) -> str:
    """Verify one signature.

    Args:
        info: The signer's key.
        algorithm: As signed or stated beside the signature.
        signature: Its bytes.
        data: What was signed.
        digest: Name of the hash, where the algorithm does not name one itself.

    Returns:
        The algorithm's name, such as `rsassa_pss sha256`.

    Raises:
        RefusedError: It does not hold, or by no algorithm that is trusted.
        MalformedError: Its parts are none.
    """
    scheme, name = _named(algorithm, digest)
    what = f"{scheme} {name}"
    if name not in HASHES:
        raise RefusedError("chip_weak_algorithm", what)
    key, hashed = load_key(info), HASHES[name]()
    try:
        if isinstance(key, ec.EllipticCurvePublicKey) and scheme == "ecdsa":
            key.verify(signature, data, ec.ECDSA(hashed))
        elif isinstance(key, rsa.RSAPublicKey) and scheme == "rsassa_pss":
            key.verify(signature, data, _pss(algorithm, name), hashed)
        elif isinstance(key, rsa.RSAPublicKey) and scheme == "rsassa_pkcs1v15":
            key.verify(signature, data, padding.PKCS1v15(), hashed)
        else:
            raise RefusedError("chip_sod_altered", what)
    except InvalidSignature as error:
        raise RefusedError("chip_sod_altered", what) from error
    except UnsupportedAlgorithm as error:
        raise RefusedError("chip_unsupported", what) from error
    return what


def _named(algorithm: algos.SignedDigestAlgorithm, digest: str) -> tuple[str, str]:
    """Scheme and hash; a hash stated twice must be the same."""
    try:
        scheme = algorithm.signature_algo
    except ValueError as error:
        raise RefusedError("chip_unsupported", algorithm["algorithm"].native) from error
    try:
        own = algorithm.hash_algo
    except ValueError:
        own = ""
    if own and digest and own != digest:
        raise RefusedError("chip_sod_altered", f"{scheme} {own} beside {digest}")
    return scheme, own or digest


def _pss(algorithm: algos.SignedDigestAlgorithm, name: str) -> padding.PSS:
    """Its parameters; the mask is made by the same hash (Doc 9303-12, 4.4.1)."""
    stated = algorithm["parameters"]
    mask = stated["mask_gen_algorithm"]["parameters"]["algorithm"].native
    if mask != name:
        raise RefusedError("chip_unsupported", f"rsassa_pss {name} with a mask by {mask}")
    return padding.PSS(padding.MGF1(HASHES[mask]()), stated["salt_length"].native)


def _curve_of(parameters: keys.ECDomainParameters) -> str:
    """Name of the curve that parameters state; empty for one that is not known."""
    stated = parameters.chosen
    if parameters.name == "named":
        return _by_identifier().get(stated.dotted, "")
    if parameters.name != "specified":
        return ""
    field = stated["field_id"]
    if field["field_type"].native != "prime_field":
        return ""
    prime = field["parameters"].native
    if prime.bit_length() < LEAST_EC_BITS:
        raise RefusedError("chip_weak_algorithm", f"curve of {prime.bit_length()} bits")
    cofactor = stated["cofactor"]
    if not isinstance(cofactor, core.Void) and cofactor.native not in (None, 1):
        return ""
    curve = stated["curve"]
    numbers = (
        prime,
        int.from_bytes(bytes(curve["a"]), "big"),
        int.from_bytes(bytes(curve["b"]), "big"),
        stated["order"].native,
    )
    name, base = _by_numbers().get(numbers, ("", b""))
    given = bytes(stated["base"])
    half = (len(base) - 1) // 2
    compressed = bytes([2 + (base[-1] & 1)]) + base[1 : half + 1] if base else b""
    return name if given in (base, compressed) else ""


@cache
def _rows() -> tuple[tuple[str, ...], ...]:
    lines = TABLE.read_text(encoding="ascii").splitlines()
    return tuple(tuple(line.split()) for line in lines if not line.startswith("#"))


@cache
def _by_identifier() -> dict[str, str]:
    return {row[1]: row[0] for row in _rows()}


@cache
def _by_numbers() -> dict[tuple[int, int, int, int], tuple[str, bytes]]:
    return {
        (int(p, 16), int(a, 16), int(b, 16), int(n, 16)): (name, bytes.fromhex(base))
        for name, _, p, a, b, base, n in _rows()
    }
