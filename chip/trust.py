"""Whom does the operator trust to sign documents? Certificates of states, and what they took back.

Source: ICAO Doc 9303-12: country signing authorities (CSCA) sign document signers (DSC), master
lists and revocation lists. Files come from the ICAO PKD or from states; none is shipped, since who
is trusted is the operator's to say.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from asn1crypto import cms, core, crl, pem, x509

from veridical.chip.signatures import RefusedError, verify
from veridical.chip.signed import open_signed
from veridical.chip.tlv import MalformedError, only, tags
from veridical.errors import InputError

__all__ = ["HOSTILE", "Chain", "TrustList"]

MOST_LIST_BYTES = 256 << 20
"""The whole PKD in one LDIF has about 100 MB."""
MASTER_LIST = "2.23.136.1.1.2"
HOSTILE = (
    ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, RecursionError,
    MalformedError,
)  # fmt: skip
"""What a parser of ASN.1 raises on bytes that are none."""
KNOWN_CRITICAL = {"basic_constraints", "key_usage"}
SEQUENCE, OBJECT_IDENTIFIER, VERSION = 0x30, 0x06, b"\xa0"
ATTRIBUTE = re.compile(r"([A-Za-z]+)(?:;binary)?::\s*([A-Za-z0-9+/=]+)")


class _CertificateSet(core.SetOf):  # type: ignore[misc]
    _child_spec = x509.Certificate


class _MasterList(core.Sequence):  # type: ignore[misc]
    _fields = [("version", core.Integer), ("certificates", _CertificateSet)]  # noqa: RUF012


@dataclass(frozen=True, slots=True)
class Chain:
    """How a document signer was traced to somebody who is trusted.

    Attributes:
        country: Two letters, as its certificate has them.
        revocation: `checked`, `stale` where the list should have been renewed, `no_list`.
    """

    country: str
    revocation: str


@dataclass(frozen=True, slots=True)
class _Revoked:
    issuer: str
    serials: frozenset[int]
    next_update: date | None


@dataclass(frozen=True)
class TrustList:
    """Certificates and revocation lists that an operator brings.

    Attributes:
        anchors: Country signing authorities, each trusted as it stands.
        signers: Document signers, for objects that do not carry their own; trusted only through
            an anchor.
        revoked: What anchors took back.
    """

    anchors: tuple[x509.Certificate, ...]
    signers: tuple[x509.Certificate, ...] = ()
    revoked: tuple[_Revoked, ...] = ()
    _by_name: dict[str, list[x509.Certificate]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        for anchor in self.anchors:
            self._by_name.setdefault(anchor.subject.hashable, []).append(anchor)

    @classmethod
    def load(cls, path: Path) -> "TrustList":
        """Read a trust list: one file, or a folder of them.

        Takes certificates (DER, PEM), master lists (CMS, `.ml`), revocation lists (`.crl`) and
        LDIF exports of the ICAO PKD, told apart by their content. The signature of a master list
        must hold by the certificate within; that it is the right list is the operator's to know.

        Raises:
            InputError: `trust.missing`, `trust.malformed`, `trust.empty`.
        """
        if not path.exists():
            raise InputError(f"no trust list at {path}", "trust.missing")
        paths = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
        found: list[x509.Certificate | crl.CertificateList] = []
        for one in paths:
            if one.stat().st_size > MOST_LIST_BYTES:
                raise InputError(f"{one.name} has more than {MOST_LIST_BYTES} bytes", MALFORMED)
            try:
                found += _read(one.read_bytes())
            except (*HOSTILE, RefusedError, binascii.Error) as error:
                raise InputError(
                    f"{one.name} is no certificate, master list, revocation list or LDIF of them "
                    f"({type(error).__name__}); take it out or get it again",
                    MALFORMED,
                ) from error
        return cls.of(found)

    @classmethod
    def of(cls, objects: Iterable[x509.Certificate | crl.CertificateList]) -> "TrustList":
        """A list of parsed certificates and revocation lists.

        Raises:
            InputError: `trust.empty`: no authority among them; `trust.malformed`: a revocation
                list bears an authority's name and not its signature.
        """
        unique = {one.dump(): one for one in objects}
        certificates = [one for one in unique.values() if isinstance(one, x509.Certificate)]
        anchors = tuple(one for one in certificates if _is_authority(one))
        if not anchors:
            raise InputError(
                "the trust list holds no country signing certificate (CSCA): bring a master list, "
                "or the certificates themselves",
                "trust.empty",
            )
        signers = tuple(one for one in certificates if not _is_authority(one))
        bare = cls(anchors, signers)
        lists = [one for one in unique.values() if isinstance(one, crl.CertificateList)]
        return cls(anchors, signers, tuple(filter(None, map(bare._revoked, lists))))

    def trace(self, signer: x509.Certificate, day: date) -> Chain:
        """Trace a document signer to an authority.

        Args:
            signer: Its certificate.
            day: On which both must be valid.

        Raises:
            RefusedError: `chip_country_unknown`, `chip_signer_unknown`, `chip_signer_expired`,
                `chip_signer_revoked`, `chip_weak_algorithm`, `chip_unsupported`.
        """
        if not _may_sign_documents(signer):
            raise RefusedError("chip_signer_unknown", "not certified to sign documents")
        anchor = self._issuer_of(signer)
        country = _country(signer.subject)
        if country != _country(anchor.subject):
            raise RefusedError("chip_signer_unknown", "signer and authority of two countries")
        for one in (signer, anchor):
            if not one.not_valid_before.date() <= day <= one.not_valid_after.date():
                raise RefusedError("chip_signer_expired")
        return Chain(country, self._revocation(signer, day))

    def _issuer_of(self, signer: x509.Certificate) -> x509.Certificate:
        """The authority that signed a certificate."""
        last = RefusedError("chip_signer_unknown", "no authority of that name signed it")
        for anchor in self._by_name.get(signer.issuer.hashable, ()):
            try:
                _verify_certificate(signer, anchor)
            except RefusedError as error:
                if error.reason != "chip_sod_altered":
                    last = error
            else:
                return anchor
        countries = {_country(anchor.subject) for anchor in self.anchors}
        if _country(signer.issuer) not in countries:
            raise RefusedError("chip_country_unknown")
        raise last

    def _revocation(self, signer: x509.Certificate, day: date) -> str:
        lists = [one for one in self.revoked if one.issuer == signer.issuer.hashable]
        if any(signer.serial_number in one.serials for one in lists):
            raise RefusedError("chip_signer_revoked")
        if not lists:
            return "no_list"
        fresh = any(one.next_update is None or one.next_update >= day for one in lists)
        return "checked" if fresh else "stale"

    def _revoked(self, given: crl.CertificateList) -> _Revoked | None:
        """What a list takes back; None where no authority of its name is trusted."""
        anchors = self._by_name.get(given.issuer.hashable, ())
        for anchor in anchors:
            try:
                verify(
                    anchor.public_key,
                    given["signature_algorithm"],
                    bytes(given["signature"]),
                    given["tbs_cert_list"].dump(),
                )
            except RefusedError as error:
                # By an algorithm that is not trusted any more: taken back is taken back.
                if error.reason == "chip_sod_altered":
                    continue
            inner = given["tbs_cert_list"]
            ends = inner["next_update"].native
            return _Revoked(
                given.issuer.hashable,
                frozenset(one["user_certificate"].native for one in inner["revoked_certificates"]),
                ends.date() if ends else None,
            )
        if anchors:
            raise InputError("a revocation list is not signed by the authority it names", MALFORMED)
        return None


MALFORMED = "trust.malformed"


def _verify_certificate(certificate: x509.Certificate, anchor: x509.Certificate) -> None:
    verify(
        anchor.public_key,
        certificate["signature_algorithm"],
        certificate.signature,
        certificate["tbs_certificate"].dump(),
    )


def _country(name: x509.Name) -> str:
    return str(name.native.get("country_name", "")).upper()


def _is_authority(certificate: x509.Certificate) -> bool:
    """Whether a certificate may sign others: it says so, or says nothing and signed itself."""
    constraints = certificate.basic_constraints_value
    usage = certificate.key_usage_value
    if usage is not None and "key_cert_sign" not in usage.native:
        return False
    if constraints is None:
        return bool(certificate.subject == certificate.issuer)
    return bool(constraints["ca"].native)


def _may_sign_documents(certificate: x509.Certificate) -> bool:
    """Whether the extensions are those of a document signer (Doc 9303-12, table 6)."""
    usage = certificate.key_usage_value
    return (
        (usage is None or "digital_signature" in usage.native)
        and certificate.extended_key_usage_value is None
        and certificate.critical_extensions <= KNOWN_CRITICAL
        and not _is_authority(certificate)
    )


def _read(content: bytes) -> Iterator[x509.Certificate | crl.CertificateList]:
    """The objects of one file, by its content."""
    if pem.detect(content):
        for _, _, der in pem.unarmor(content, multiple=True):
            yield from _der(der)
    elif content.lstrip()[:1] == b"0":
        yield from _der(content)
    else:
        yield from _ldif(content.decode("utf-8", "strict"))


def _der(der: bytes) -> Iterator[x509.Certificate | crl.CertificateList]:
    """Told apart by what stands first: a kind, or a body with a version in a tag of its own."""
    first, body = next(tags(only(der, SEQUENCE)), (0, b""))
    if first == OBJECT_IDENTIFIER:
        yield from _master_list(der)
    elif body[:1] == VERSION:
        yield _checked(x509.Certificate.load(der, strict=True))
    else:
        yield crl.CertificateList.load(der, strict=True)


def _checked(certificate: x509.Certificate) -> x509.Certificate:
    """A certificate that was read to its end: parsers are lazy, and faults should show at load."""
    _ = _is_authority(certificate), certificate.not_valid_after, certificate.subject.hashable
    return certificate


def _ldif(text: str) -> Iterator[x509.Certificate | crl.CertificateList]:
    """Values of a directory's export (RFC 2849): long ones go on after a line's end and a blank."""
    whole = re.sub(r"\r?\n ", "", text)
    if not re.search(r"^dn:", whole, re.MULTILINE):
        raise MalformedError("no LDIF")
    for line in whole.splitlines():
        match = ATTRIBUTE.fullmatch(line.strip())
        if match is None:
            continue
        name, value = match[1].lower(), match[2]
        if name in ("usercertificate", "cacertificate"):
            yield _checked(x509.Certificate.load(base64.b64decode(value), strict=True))
        elif name == "certificaterevocationlist":
            yield crl.CertificateList.load(base64.b64decode(value), strict=True)
        elif name in ("cscamasterlistdata", "pkdmasterlistcontent"):
            yield from _master_list(base64.b64decode(value))


def _master_list(der: bytes) -> Iterator[x509.Certificate]:
    """The certificates of a master list whose own signature holds."""
    signed = open_signed(cms.ContentInfo.load(der, strict=True), MASTER_LIST)
    signed.verify(signed.signer())
    for certificate in _MasterList.load(signed.content, strict=True)["certificates"]:
        yield _checked(certificate)
