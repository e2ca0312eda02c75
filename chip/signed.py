"""An object that somebody signed (CMS, RFC 5652): security objects of chips, and master lists."""

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass

from asn1crypto import cms, x509

from veridical.chip.signatures import HASHES, RefusedError, verify
from veridical.chip.tlv import MalformedError

__all__ = ["Signed", "open_signed"]


@dataclass(frozen=True, slots=True)
class Signed:
    """What was signed, and by whom it says it was.

    Attributes:
        kind: Object identifier of the content.
        content: Its bytes.
        info: The one signer's part.
        certificates: Those it carries.
    """

    kind: str
    content: bytes
    info: cms.SignerInfo
    certificates: tuple[x509.Certificate, ...]

    def signer(self, others: Iterable[x509.Certificate] = ()) -> x509.Certificate:
        """The certificate that the signer names.

        Args:
            others: Where to look if the object does not carry it.

        Raises:
            RefusedError: `chip_signer_unknown`: it is nowhere.
        """
        named = self.info["sid"]
        for certificate in (*self.certificates, *others):
            if named.name == "issuer_and_serial_number":
                stated = named.chosen
                if (
                    stated["serial_number"].native == certificate.serial_number
                    and stated["issuer"].hashable == certificate.issuer.hashable
                ):
                    return certificate
            elif named.chosen.native == certificate.key_identifier:
                return certificate
        raise RefusedError("chip_signer_unknown", "its certificate is not there")

    def verify(self, signer: x509.Certificate) -> str:
        """Verify attributes and signature.

        Args:
            signer: Whose key it was.

        Returns:
            The algorithm's name.

        Raises:
            RefusedError: `chip_sod_altered`, `chip_weak_algorithm`, `chip_unsupported`.
            MalformedError: Attributes are missing, or there twice.
        """
        digest = self.info["digest_algorithm"]["algorithm"].native
        if digest not in HASHES:
            raise RefusedError("chip_weak_algorithm", str(digest))
        kind, stated = self._attribute("content_type"), self._attribute("message_digest")
        made = hashlib.new(digest, self.content).digest()
        if kind.dotted != self.kind or not hmac.compare_digest(stated.native, made):
            raise RefusedError("chip_sod_altered", "signed attributes")
        # Signed as a set of their own, not with the tag they have inside (RFC 5652, 5.4).
        attributes = b"\x31" + self.info["signed_attrs"].dump()[1:]
        return verify(
            signer.public_key,
            self.info["signature_algorithm"],
            self.info["signature"].native,
            attributes,
            digest,
        )

    def _attribute(self, name: str) -> cms.Any:
        found = [one for one in self.info["signed_attrs"] if one["type"].native == name]
        if len(found) != 1 or len(found[0]["values"]) != 1:
            raise MalformedError(f"{name} must be signed once")
        return found[0]["values"][0]


def open_signed(info: cms.ContentInfo, kind: str) -> Signed:
    """Open a signed object.

    Args:
        info: As it came.
        kind: Object identifier that its content must have.

    Raises:
        MalformedError: It is another thing, or has no signer, or several.
    """
    if info["content_type"].native != "signed_data":
        raise MalformedError("no signed data")
    data = info["content"]
    inner, signers = data["encap_content_info"], data["signer_infos"]
    if inner["content_type"].dotted != kind:
        raise MalformedError(f"content of kind {kind} was wanted")
    if len(signers) != 1:
        raise MalformedError(f"one signer was wanted, {len(signers)} came")
    carried = data["certificates"]
    return Signed(
        kind,
        bytes(inner["content"]),
        signers[0],
        tuple(one.chosen for one in carried if one.name == "certificate"),
    )
