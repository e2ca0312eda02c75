"""What the data groups of a chip say: zone, portrait, further details, key.

Source: ICAO Doc 9303-10, 4.7; portraits as ISO/IEC 19794-5 (2005, 2011) and ISO/IEC 39794-5 (2019).
"""

from collections.abc import Iterator, Mapping
from datetime import date

from veridical.chip.tlv import MalformedError, find, only, tags
from veridical.ocr.mrz import Mrz, exact_mrz

__all__ = ["details_of", "issued_of", "key_of", "portrait_of", "zone_of"]

DG1, DG2, DG11, DG12, DG15 = 0x61, 0x75, 0x6B, 0x6C, 0x6F
ZONE, TEMPLATES, TEMPLATE = 0x5F1F, 0x7F61, 0x7F60
BLOCKS = (0x5F2E, 0x7F2E)
PICTURES = (b"\xff\xd8\xff", b"\x00\x00\x00\x0cjP  ", b"\xff\x4f\xff\x51")
"""How JPEG, JPEG 2000 in its boxes and bare JPEG 2000 begin."""
DEEPEST = 12
LENGTHS = {90: 3, 72: 2, 88: 2}
ISSUED = 0x5F26
DETAILS = {0x5F0E: "name", 0x5F10: "personal_number", 0x5F2B: "birth", 0x5F42: "address"}


def zone_of(content: bytes, today: date) -> Mrz:
    """The zone in data group 1, exactly as signed.

    Raises:
        MalformedError: It is none.
    """
    text = find(only(content, DG1), ZONE)
    if text is None or len(text) not in LENGTHS or not text.isascii():
        raise MalformedError("no zone in data group 1")
    length = len(text) // LENGTHS[len(text)]
    whole = text.decode("ascii")
    lines = [whole[at : at + length] for at in range(0, len(whole), length)]
    mrz = exact_mrz(lines, today)
    if mrz is None:
        raise MalformedError("no zone in data group 1")
    return mrz


def portrait_of(content: bytes) -> bytes:
    """The picture in data group 2, still compressed: JPEG or JPEG 2000.

    Raises:
        MalformedError: There is none.
    """
    for tag, template in tags(only(only(content, DG2), TEMPLATES)):
        if tag != TEMPLATE:
            continue
        for inner, block in tags(template):
            if inner in BLOCKS:
                return _from_record(block) if block[:4] == b"FAC\0" else _from_blocks(block)
    raise MalformedError("no portrait in data group 2")


def details_of(content: bytes) -> Mapping[str, str]:
    """`name personal_number birth address` of data group 11, those that are there.

    Raises:
        MalformedError: It is none.
    """
    found: dict[str, str] = {}
    for tag, value in tags(only(content, DG11)):
        if tag == 0x5F2B and len(value) == 4:  # packed digits, as some states write them
            found["birth"] = value.hex()
        elif tag in DETAILS:
            found[DETAILS[tag]] = value.decode("utf-8", "replace")[:200]
    return found


def issued_of(content: bytes) -> str:
    """The date of issue in data group 12, eight digits as written; empty without one.

    Raises:
        MalformedError: It is none.
    """
    value = find(only(content, DG12), ISSUED) or b""
    return value.hex() if len(value) == 4 else value.decode("ascii", "replace")[:8]


def key_of(content: bytes) -> bytes:
    """The chip's own public key in data group 15, as SubjectPublicKeyInfo.

    Raises:
        MalformedError: It is none.
    """
    return only(content, DG15)


def _from_record(record: bytes) -> bytes:
    """The picture of a face record (ISO/IEC 19794-5).

    The headers of 2005 and 2011 differ in length, so the picture is told by how it begins; its end
    is that of the record.
    """
    if record[4:8] not in (b"010\0", b"020\0", b"030\0"):
        raise MalformedError("a face record of a version that is not known")
    total = int.from_bytes(record[8:12], "big")
    starts = [at for at in (record.find(start, 14, 4096) for start in PICTURES) if at > 0]
    if total > len(record) or not starts:
        raise MalformedError("a face record without a picture")
    return record[min(starts) : total]


def _from_blocks(block: bytes) -> bytes:
    """The first picture in the nested blocks of ISO/IEC 39794-5."""
    for value in _leaves(block, 0):
        if value.startswith(PICTURES):
            return value
    raise MalformedError("biometric data without a picture")


def _leaves(data: bytes, depth: int) -> Iterator[bytes]:
    if depth > DEEPEST:
        raise MalformedError("blocks nested too deep")
    for tag, value in tags(data):
        first = tag >> (8 * ((tag.bit_length() - 1) // 8)) if tag else 0
        if first & 0x20:
            yield from _leaves(value, depth + 1)
        else:
            yield value
