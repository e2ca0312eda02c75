"""An invented state that signs chips: its authority, its signers, and what they sign."""

import hashlib
import io
import subprocess
import zipfile
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from asn1crypto import algos, cms, core
from asn1crypto import crl as asn1_crl
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

from veridical.chip import ChipFiles, TrustList
from veridical.ocr.mrz import check_digit

TODAY = date(2026, 11, 21)
LINE_1 = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<"
SECURITY_OBJECT = "2.23.136.1.1.1"


def line_2(number: str = "L898902C3", birth: str = "740812", expiry: str = "320415") -> str:
    """The second line of a passport with right check digits."""
    body = f"{number}{check_digit(number)}UTO{birth}{check_digit(birth)}F"
    body += f"{expiry}{check_digit(expiry)}ZE184226B<<<<<{check_digit('ZE184226B<<<<<')}"
    return body + check_digit(body[:10] + body[13:20] + body[21:43])


def tlv(tag: int, *values: bytes) -> bytes:
    """An object of ISO/IEC 7816-4."""
    value, head = b"".join(values), tag.to_bytes((tag.bit_length() + 7) // 8, "big")
    if len(value) < 0x80:
        return head + bytes([len(value)]) + value
    size = len(value).to_bytes((len(value).bit_length() + 7) // 8, "big")
    return head + bytes([0x80 | len(size)]) + size + value


def zone_group(*lines: str) -> bytes:
    """Data group 1."""
    return tlv(0x61, tlv(0x5F1F, "".join(lines).encode()))


def record_2005(picture: bytes) -> bytes:
    """A face record of ISO/IEC 19794-5 (2005)."""
    face = bytes(16) + b"\x01\x00" + bytes(10) + picture  # information, then the picture's
    face = (len(face) + 4).to_bytes(4, "big") + face
    return b"FAC\x00010\x00" + (14 + len(face)).to_bytes(4, "big") + b"\x00\x01" + face


def blocks_2019(picture: bytes) -> bytes:
    """Blocks of ISO/IEC 39794-5, in their outlines."""
    image = tlv(0xA0, tlv(0xA0, tlv(0x80, picture), tlv(0xA1, tlv(0x80, b"\x02"))))
    return tlv(0x65, tlv(0xA0, tlv(0x80, b"\x03")), tlv(0xA1, tlv(0x30, tlv(0x80, b"\x01"), image)))


def portrait_group(block: bytes, tag: int = 0x5F2E) -> bytes:
    """Data group 2."""
    header = tlv(0xA1, tlv(0x80, b"\x01\x01"))
    return tlv(0x75, tlv(0x7F61, tlv(0x02, b"\x01"), tlv(0x7F60, header, tlv(tag, block))))


GROUPS = {1: zone_group(LINE_1, line_2())}


@dataclass
class Signer:
    """A key with its certificate."""

    key: Any
    certificate: x509.Certificate

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def asn1(self) -> asn1_x509.Certificate:
        return asn1_x509.Certificate.load(self.der)


def rsa_key(bits: int = 2048) -> Any:  # noqa: ANN401
    return rsa.generate_private_key(65537, bits)


def certified(
    key: Any,  # noqa: ANN401
    issuer: "Signer | None" = None,
    *,
    name: str = "CSCA",
    country: str = "UT",
    ca: bool = False,
    days: tuple[date, date] = (date(2020, 1, 1), date(2036, 1, 1)),
    digest: Any = None,  # noqa: ANN401
    pss: bool = False,
    purposes: bool = False,
) -> Signer:
    """Certify a key, by itself where no issuer is given."""
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, country),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )
    start, end = (datetime(d.year, d.month, d.day, tzinfo=UTC) for d in days)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(
            x509.KeyUsage(not ca, False, False, False, False, ca, ca, False, False), critical=True
        )
    )
    if ca:
        builder = builder.add_extension(x509.BasicConstraints(True, 0), critical=True)
    if purposes:
        builder = builder.add_extension(
            x509.ExtendedKeyUsage([x509.ObjectIdentifier("2.23.136.1.1.3")]), critical=True
        )
    by = issuer.key if issuer else key
    extra: dict[str, Any] = {}
    if pss:
        extra = {"rsa_padding": padding.PSS(padding.MGF1(hashes.SHA256()), 32)}
    return Signer(key, builder.sign(by, digest or hashes.SHA256(), **extra))


@dataclass
class State:
    """An authority and one signer."""

    authority: Signer
    signer: Signer

    @property
    def trust(self) -> TrustList:
        return TrustList.of([self.authority.asn1])


def state(key: Any = None, authority_key: Any = None, **signer: Any) -> State:  # noqa: ANN401
    authority = certified(authority_key or ec.generate_private_key(ec.SECP256R1()), ca=True)
    key = key or ec.generate_private_key(ec.BrainpoolP256R1())
    return State(authority, certified(key, authority, **{"name": "DSC", **signer}))


def hash_list(groups: dict[int, bytes], digest: str = "sha256") -> bytes:
    """The LDS security object."""
    rows = [
        tlv(0x30, core.Integer(n).dump(), core.OctetString(hashlib.new(digest, c).digest()).dump())
        for n, c in sorted(groups.items())
    ]
    algorithm = algos.DigestAlgorithm({"algorithm": digest}).dump()
    return tlv(0x30, core.Integer(0).dump(), algorithm, tlv(0x30, *rows))


def sign(
    content: bytes,
    signer: Signer,
    *,
    digest: str = "sha256",
    pss: bool = False,
    kind: str = SECURITY_OBJECT,
    stated: bytes | None = None,
    signature: bytes | None = None,
    claimed: Signer | None = None,
) -> bytes:
    """Sign content as CMS; `stated` and `signature` stand in for what would be right."""
    attributes = cms.CMSAttributes(
        [
            cms.CMSAttribute({"type": "content_type", "values": [cms.ContentType(kind)]}),
            cms.CMSAttribute(
                {
                    "type": "message_digest",
                    "values": [stated or hashlib.new(digest, content).digest()],
                }
            ),
        ]
    )
    hashed = getattr(hashes, digest.upper())()
    key, over = signer.key, attributes.dump()
    if isinstance(key, ec.EllipticCurvePrivateKey):
        made, algorithm = key.sign(over, ec.ECDSA(hashed)), {"algorithm": f"{digest}_ecdsa"}
    elif pss:
        made = key.sign(over, padding.PSS(padding.MGF1(hashed), hashed.digest_size), hashed)
        algorithm = {
            "algorithm": "rsassa_pss",
            "parameters": {
                "hash_algorithm": {"algorithm": digest},
                "mask_gen_algorithm": {"algorithm": "mgf1", "parameters": {"algorithm": digest}},
                "salt_length": hashed.digest_size,
            },
        }
    else:
        made = key.sign(over, padding.PKCS1v15(), hashed)
        algorithm = {"algorithm": f"{digest}_rsa"}
    asn1 = (claimed or signer).asn1
    info = cms.SignerInfo(
        {
            "version": "v1",
            "sid": cms.SignerIdentifier(
                "issuer_and_serial_number",
                {"issuer": asn1.issuer, "serial_number": asn1.serial_number},
            ),
            "digest_algorithm": {"algorithm": digest},
            "signed_attrs": attributes,
            "signature_algorithm": algorithm,
            "signature": signature or made,
        }
    )
    signed = cms.SignedData(
        {
            "version": "v3",
            "digest_algorithms": [{"algorithm": digest}],
            "encap_content_info": {"content_type": kind, "content": content},
            "certificates": [asn1],
            "signer_infos": [info],
        }
    )
    return cms.ContentInfo({"content_type": "signed_data", "content": signed}).dump()


def chip(by: State, groups: dict[int, bytes] | None = None, **how: Any) -> ChipFiles:  # noqa: ANN401
    """The files of a chip, signed."""
    groups = groups or GROUPS
    content = hash_list(groups, how.get("digest", "sha256"))
    return ChipFiles(tlv(0x77, sign(content, by.signer, **how)), groups)


def revocations(
    by: Signer, *serials: int, until: date = date(2027, 1, 1)
) -> asn1_crl.CertificateList:
    """A revocation list."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(by.certificate.subject)
        .last_update(start)
        .next_update(datetime(until.year, until.month, until.day, tzinfo=UTC))
    )
    for serial in serials:
        one = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(start).build()
        builder = builder.add_revoked_certificate(one)
    der = builder.sign(by.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
    return asn1_crl.CertificateList.load(der)


def master_list(signer: Signer, *certificates: Signer) -> bytes:
    """A master list."""
    content = tlv(0x30, core.Integer(0).dump(), tlv(0x31, *(one.der for one in certificates)))
    return sign(content, signer, kind="2.23.136.1.1.2")


def zipped(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def openssl(*words: str, cwd: Path) -> None:
    subprocess.run(["openssl", *words], cwd=cwd, check=True, capture_output=True)  # noqa: S607
