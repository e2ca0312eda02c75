"""Passive authentication: from the files of a chip to the state that signed them.

Source: ICAO Doc 9303-11, 5.1: the signature of the security object, the signer's way to an
authority, and the hash of every data group.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path

from asn1crypto import algos, cms, core

from veridical.chip import groups
from veridical.chip.active import verify_active
from veridical.chip.files import ChipFiles
from veridical.chip.signatures import HASHES, RefusedError
from veridical.chip.signed import open_signed
from veridical.chip.tlv import MalformedError, only
from veridical.chip.trust import HOSTILE, TrustList
from veridical.ocr.dates import as_day
from veridical.ocr.mrz import Mrz
from veridical.result import EvidenceValue

__all__ = ["UNDECIDED", "ChipInspection", "inspect_chip"]

SECURITY_OBJECT = "2.23.136.1.1.1"
SOD = 0x77
TABLE = Path(__file__).parent / "tables" / "signing_countries.txt"
UNDECIDED = frozenset(
    {"no_trust_list", "chip_country_unknown", "chip_unsupported", "chip_incomplete"}
)
"""Reasons that say nothing about the chip: the list or this project does not know its signer."""


class _GroupHash(core.Sequence):  # type: ignore[misc]
    _fields = [("number", core.Integer), ("hash", core.OctetString)]  # noqa: RUF012


class _GroupHashes(core.SequenceOf):  # type: ignore[misc]
    _child_spec = _GroupHash


class _Versions(core.Sequence):  # type: ignore[misc]
    _fields = [("lds", core.PrintableString), ("unicode", core.PrintableString)]  # noqa: RUF012


class _SecurityObject(core.Sequence):  # type: ignore[misc]
    _fields = [  # noqa: RUF012
        ("version", core.Integer),
        ("digest", algos.DigestAlgorithm),
        ("hashes", _GroupHashes),
        ("versions", _Versions, {"optional": True}),
    ]


@dataclass(frozen=True, slots=True)
class ChipInspection:
    """What the files of a chip are worth.

    Attributes:
        reason: Empty where a trusted state signed them and nothing speaks against it; else the
            code of what is wrong, or of why it cannot be told.
        evidence: Small words about it; nothing personal.
        zone: The zone of data group 1; only of files that are authentic, as all below.
        portrait: The picture of data group 2, compressed; empty where it was not handed in.
        details: `name personal_number birth address` of data group 11, `issued` of 12; dates as
            YYYYMMDD.
    """

    reason: str
    evidence: Mapping[str, EvidenceValue]
    zone: Mrz | None = field(default=None, repr=False)
    portrait: bytes = field(default=b"", repr=False)
    details: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def authentic(self) -> bool:
        """Whether a trusted state signed what is told here."""
        return not self.reason


def inspect_chip(
    files: ChipFiles, trust: TrustList | None, today: date, challenge: bytes = b""
) -> ChipInspection:
    """Verify the files of a chip.

    Args:
        files: As handed in.
        trust: Whom the operator trusts; without a list nothing can be told.
        today: Day on which the signers must be valid, and the document.
        challenge: What this chip was to sign now; an answer to another one is no proof of today.

    Returns:
        What they are worth. Malformed files are an answer too, and never an error.
    """
    evidence: dict[str, EvidenceValue] = {}
    try:
        if trust is None:
            raise RefusedError("no_trust_list")
        return _inspect(files, trust, today, challenge, evidence)
    except RefusedError as error:
        if error.what:
            evidence["refused"] = error.what
        return ChipInspection(error.reason, evidence)
    except HOSTILE as error:
        evidence["refused"] = type(error).__name__
        return ChipInspection("chip_malformed", evidence)


def _inspect(
    files: ChipFiles,
    trust: TrustList,
    today: date,
    challenge: bytes,
    evidence: dict[str, EvidenceValue],
) -> ChipInspection:
    signed = open_signed(cms.ContentInfo.load(only(files.sod, SOD), strict=True), SECURITY_OBJECT)
    signer = signed.signer(trust.signers)
    # The way to the authority first: who has none may choose key and algorithm freely.
    chain = trust.trace(signer, today)
    evidence |= {"country": chain.country, "revocation": chain.revocation}
    evidence["signature"] = signed.verify(signer)
    stated = _SecurityObject.load(signed.content, strict=True)
    listed = _listed(stated)
    evidence |= _hashed(files, stated["digest"]["algorithm"].native, listed)
    if 1 not in files.groups:
        raise RefusedError("chip_incomplete")
    zone = groups.zone_of(files.groups[1], today)
    if chain.country not in _countries().get(zone.fields["issuer"], ()):
        raise RefusedError("chip_issuer_mismatch")
    expiry = as_day(zone.fields.get("expiry"))
    if expiry is not None and expiry < today:
        raise RefusedError("expired")
    evidence["active_authentication"] = told = _active(files, listed, challenge)
    evidence["assurance"] = "full" if told == "verified" else "baseline"
    if told == "failed":
        raise RefusedError("chip_cloned")
    given = files.groups
    details = dict(groups.details_of(given[11])) if 11 in given else {}
    if 12 in given and (issued := groups.issued_of(given[12])):
        details["issued"] = issued
    portrait = groups.portrait_of(given[2]) if 2 in given else b""
    return ChipInspection("", evidence, zone, portrait, details)


def _listed(stated: _SecurityObject) -> dict[int, bytes]:
    """The hashes of the list, by group."""
    listed: dict[int, bytes] = {}
    for one in stated["hashes"]:
        number = one["number"].native
        if number in listed or not 1 <= number <= 16:
            raise MalformedError("a group is listed twice, or is none")
        listed[number] = one["hash"].native
    return listed


def _hashed(files: ChipFiles, digest: str, listed: Mapping[int, bytes]) -> dict[str, EvidenceValue]:
    """Hold every group against the list."""
    if digest not in HASHES:
        raise RefusedError("chip_weak_algorithm", digest)
    for number, content in files.groups.items():
        made = hashlib.new(digest, content).digest()
        if not hmac.compare_digest(made, listed.get(number, b"")):
            raise RefusedError("chip_group_altered", f"DG{number}")
    return {
        "digest": digest,
        "groups": " ".join(f"DG{number}" for number in sorted(files.groups)),
    }


def _active(files: ChipFiles, listed: Mapping[int, bytes], challenge: bytes) -> str:
    """Whether the chip proved that it is no copy.

    Returns:
        `verified`; `old_answer` where it answered another challenge than the one of now; `failed`;
        `not_made` where the chip could and was not asked; `not_supported` where it cannot.
    """
    if 15 not in listed:
        return "not_supported"
    if not files.response or 15 not in files.groups:
        return "not_made"
    key = groups.key_of(files.groups[15])
    if not verify_active(key, files.groups.get(14), files.challenge, files.response):
        return "failed"
    return "verified" if hmac.compare_digest(files.challenge, challenge) else "old_answer"


@cache
def _countries() -> Mapping[str, frozenset[str]]:
    """Countries in certificates by the state in a zone; Kosovo signs as KS and as XK."""
    lines = TABLE.read_text(encoding="ascii").splitlines()
    words = (word for line in lines if not line.startswith("#") for word in line.split())
    found = {state: frozenset({country}) for state, country in (w.split(":") for w in words)}
    return found | {"RKS": frozenset({"KS", "XK"})}
