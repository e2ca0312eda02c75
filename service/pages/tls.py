"""A certificate of this machine's own, so that a phone's browser lets the page use its camera."""

import ipaddress
import os
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

__all__ = ["Certificate", "address_in_network", "certificate_for"]

LIFETIME = timedelta(days=30)
"""Long enough for a round of tests, short enough that a lost key matters little."""
LEAST_LEFT = timedelta(days=2)


class Certificate:
    """A self-signed certificate and its key, as files.

    Attributes:
        certificate: PEM.
        key: PEM, readable by its owner only.
    """

    def __init__(self, folder: Path) -> None:
        self.certificate = folder / "certificate.pem"
        self.key = folder / "key.pem"

    @property
    def fingerprint(self) -> str:
        """SHA-256 in pairs, as browsers show it to compare."""
        found = x509.load_pem_x509_certificate(self.certificate.read_bytes())
        return found.fingerprint(SHA256()).hex(":").upper()

    def serves(self, host: str) -> bool:
        """Whether the files are there, name a host, and hold for a while."""
        if not (self.certificate.is_file() and self.key.is_file()):
            return False
        found = x509.load_pem_x509_certificate(self.certificate.read_bytes())
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        known = {str(name.value) for name in names}
        return host in known and found.not_valid_after_utc - datetime.now(UTC) > LEAST_LEFT


def certificate_for(host: str, folder: Path) -> Certificate:
    """The certificate of a host, made where there is none that still holds.

    Args:
        host: Address or name under which the page will be opened.
        folder: Where it is kept, so that a phone is asked to trust it once only.
    """
    kept = Certificate(folder)
    if kept.serves(host):
        return kept
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "veridical webcam")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + LIFETIME)
        .add_extension(
            x509.SubjectAlternativeName([_general_name(one) for one in {host, "localhost"}]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, SHA256())
    )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    descriptor = os.open(kept.key, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(secret)
    kept.certificate.write_bytes(made.public_bytes(Encoding.PEM))
    return kept


def address_in_network() -> str:
    """This machine's address in the local network; loopback when it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Of a network reserved for documentation: choosing a route sends nothing.
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
