"""By what is a device or number known without being kept? By a keyed hash.

The key is the tenant's own data key, which the installation's master key wraps: a hash can neither
be guessed from a list of all telephone numbers nor compared between tenants.
"""

import unicodedata

from veridical.errors import InputError
from veridical.signals.facts import SignalFacts, network_of, place_of
from veridical.store.attempts import KEY_BYTES
from veridical.store.vault import Vault

__all__ = ["KINDS", "keyed", "keys_of", "normalised"]

KINDS = ("document", "subject", "device", "phone", "network", "address", "geo")
"""What is hashed: the document's number, the caller's references, telephone, network and places."""

IPV4_PREFIX, IPV6_PREFIX = 24, 56
"""Part of an address that counts as one network: what providers give a small site at most."""

CELL_DECIMALS = 3
"""Of a degree: a cell is some 110 m from north to south, and less from west to east."""

_CHINESE_MOBILE_DIGITS = 11


def normalised(kind: str, value: str) -> str:
    """A value as it is hashed, so that two spellings of it give one hash.

    Args:
        kind: One of `KINDS`.
        value: A document number with or without blanks; an address, of which letters and digits
            count; a place, of which the cell counts; a telephone number, where eleven digits
            from 13 to 19 on are a Chinese mobile's; an IP address or prefix; a reference.

    Raises:
        InputError: `signals.value`: nothing is left of it, or it is no address.
    """
    text = unicodedata.normalize("NFKC", value).strip()
    if kind == "document":
        text = "".join(filter(str.isalnum, text)).upper()
    elif kind == "phone":
        text = _phone(text)
    elif kind == "network" and text:
        text = _network(text)
    elif kind == "address":
        text = "".join(filter(str.isalnum, text)).casefold()
    elif kind == "geo" and text:
        text = _cell(text)
    if not text:
        raise InputError(f"a {kind} is wanted that is not empty", "signals.value")
    return text


def _phone(text: str) -> str:
    digits = "".join(filter(str.isdecimal, text))
    if text.startswith("+"):
        return digits
    if digits.startswith("00"):
        return digits[2:]
    mobile = len(digits) == _CHINESE_MOBILE_DIGITS and digits[0] == "1" and digits[1] >= "3"
    return f"86{digits}" if mobile else digits


def _network(text: str) -> str:
    given = network_of(text)
    if given is None:
        raise InputError(
            "a network is an IP address or a prefix such as 203.0.113.0/24", "signals.value"
        )
    widest = IPV4_PREFIX if given.version == 4 else IPV6_PREFIX
    return str(given.supernet(new_prefix=widest) if given.prefixlen > widest else given)


def _cell(text: str) -> str:
    place = place_of(text)
    if place is None:
        raise InputError(
            "geo is latitude,longitude in degrees, such as 31.2304,121.4737", "signals.value"
        )
    return ",".join(f"{degrees:.{CELL_DECIMALS}f}" for degrees in place)


def keyed(vault: Vault, kind: str, value: str) -> bytes:
    """The keyed hash of a value, 16 bytes.

    Args:
        vault: Of the tenant.
        kind: One of `KINDS`; equal values of two kinds have nothing in common.
        value: As it came; see `normalised`.

    Raises:
        InputError: As `normalised`.
    """
    return vault.digest("signal", kind, normalised(kind, value))[:KEY_BYTES]


def keys_of(vault: Vault, facts: SignalFacts, document: str) -> dict[str, bytes]:
    """The keyed hashes of all that is known, by kind.

    Args:
        vault: Of the tenant.
        facts: What was handed in.
        document: The number that was read; empty without one.

    Raises:
        InputError: As `normalised`.
    """
    known = {
        "document": document,
        "subject": facts.subject,
        "device": facts.device,
        "phone": facts.phone,
        "network": facts.network,
        "address": facts.address,
        "geo": facts.geo,
    }
    return {kind: keyed(vault, kind, value) for kind, value in known.items() if value.strip()}
