"""What is known of an applicant besides the media, from the capture or the calling system."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from veridical.errors import InputError
from veridical.signals.countries import ALPHA_3, alpha_3

__all__ = ["FACT_KEYS", "SignalFacts", "network_of", "place_of"]

FACT_KEYS = ("device", "phone", "network", "address", "geo", "country", "region", "flags")
"""Names of the facts in a transaction's metadata and in the columns of a manifest."""

_LONGEST = 200


@dataclass(frozen=True, slots=True)
class SignalFacts:
    """Facts that signals look at; what is not known stays empty.

    Nothing in here is believed: an applicant's own device says most of it. It may count against
    an applicant and never for one.

    Attributes:
        tenant: Whose transaction: attempts and lists of one tenant are nothing to another.
        subject: The caller's reference of the person.
        device: Opaque fingerprint or reference of the device.
        phone: Telephone number, best as +8613800138000.
        network: IP address, or a prefix such as 203.0.113.0/24.
        address: Where to deliver, or where the applicant lives, as written.
        geo: Where the device is: latitude,longitude in degrees.
        country: Where the applicant is: ISO 3166-1, two or three letters.
        region: Where within China: the administrative code of GB/T 2260, 2, 4 or 6 digits.
        flags: What the capture application found about its device, such as `emulator`.

    Raises:
        InputError: `metadata.invalid`: a fact is too long, or a phone, network, geo, country or
            region is none.
    """

    tenant: str = "default"
    subject: str = ""
    device: str = ""
    phone: str = ""
    network: str = ""
    address: str = ""
    geo: str = ""
    country: str = ""
    region: str = ""
    flags: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        texts = (self.subject, self.device, self.phone, self.network, self.address, self.geo)
        if max(map(len, texts)) > _LONGEST:
            raise _invalid(f"a fact has at most {_LONGEST} characters")
        if self.phone and not any(map(str.isdecimal, self.phone)):
            raise _invalid("phone must have digits")
        if self.network and network_of(self.network) is None:
            raise _invalid("network must be an IP address or a prefix such as 203.0.113.0/24")
        if self.geo and place_of(self.geo) is None:
            raise _invalid("geo must be latitude,longitude in degrees, such as 31.2304,121.4737")
        if self.country and alpha_3(self.country) not in ALPHA_3:
            raise _invalid("country must be a code of ISO 3166-1, such as CN or CHN")
        digits = self.region.isascii() and self.region.isdigit()
        if self.region and not (digits and len(self.region) in (2, 4, 6)):
            raise _invalid("region must be an administrative code of 2, 4 or 6 digits")

    @classmethod
    def from_metadata(
        cls, metadata: Mapping[str, str], *, tenant: str = "default", subject: str = ""
    ) -> Self:
        """Read a transaction's metadata: keys as `FACT_KEYS`; others are ignored.

        Args:
            metadata: Facts about the capture. `flags` are parted by commas.
            tenant: Whose transaction.
            subject: The caller's reference of the person.

        Raises:
            InputError: As the class.
        """
        given = {key: metadata.get(key, "") for key in FACT_KEYS if key != "flags"}
        words = metadata.get("flags", "").split(",")
        flags = frozenset(word.strip() for word in words if word.strip())
        return cls(tenant=tenant, subject=subject, flags=flags, **given)


def network_of(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """The network that an address or prefix names, as IPv4 where it is that; None for none."""
    try:
        given = ipaddress.ip_network(text.strip().partition("%")[0], strict=False)
    except ValueError:
        return None
    if isinstance(given, ipaddress.IPv4Network):
        return given
    mapped = given.network_address.ipv4_mapped
    return given if mapped is None else ipaddress.ip_network(mapped)


def place_of(text: str) -> tuple[float, float] | None:
    """Latitude and longitude in degrees; None for what is none."""
    parts = text.split(",")
    try:
        latitude, longitude = (float(part) for part in parts)
    except ValueError:
        return None
    inside = abs(latitude) <= 90 and abs(longitude) <= 180  # what is no number is not inside
    return (latitude, longitude) if inside else None


def _invalid(problem: str) -> InputError:
    return InputError(f"facts for signals: {problem}", "metadata.invalid")
