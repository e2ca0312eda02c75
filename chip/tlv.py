"""Tags, lengths and values of data groups (ISO/IEC 7816-4, 5.2; definite lengths only)."""

from collections.abc import Iterator

__all__ = ["MalformedError", "find", "only", "tags"]

MOST_TAGS = 4096


class MalformedError(Exception):
    """Bytes of a chip that are not what they should be."""


def tags(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Each tag, as the number its bytes make, with its value.

    Raises:
        MalformedError: A length goes beyond the end, or is none.
    """
    place, count = 0, 0
    while place < len(data):
        if data[place] in (0x00, 0xFF):  # filling between objects
            place += 1
            continue
        tag, place = _tag(data, place)
        length, place = _length(data, place)
        count += 1
        if length > len(data) - place or count > MOST_TAGS:
            raise MalformedError(f"tag {tag:X} has {length} bytes, {len(data) - place} are left")
        yield tag, data[place : place + length]
        place += length


def find(data: bytes, tag: int) -> bytes | None:
    """Value of the first object with a tag; None without one."""
    return next((value for found, value in tags(data) if found == tag), None)


def only(data: bytes, tag: int) -> bytes:
    """Value of an object that must be the first and have this tag.

    Raises:
        MalformedError: There is none, or another.
    """
    found, value = next(tags(data), (0, b""))
    if found != tag:
        raise MalformedError(f"tag {tag:X} was wanted, {found:X} came")
    return value


def _tag(data: bytes, place: int) -> tuple[int, int]:
    tag = data[place]
    place += 1
    if tag & 0x1F == 0x1F:
        for _ in range(3):
            if place >= len(data):
                raise MalformedError("a tag is cut off")
            tag = tag << 8 | data[place]
            place += 1
            if not tag & 0x80:
                return tag, place
        raise MalformedError("a tag of more than four bytes")
    return tag, place


def _length(data: bytes, place: int) -> tuple[int, int]:
    if place >= len(data):
        raise MalformedError("a length is cut off")
    length = data[place]
    place += 1
    if length < 0x80:
        return length, place
    count = length & 0x7F
    if not 1 <= count <= 4 or place + count > len(data):
        raise MalformedError("a length is none")
    return int.from_bytes(data[place : place + count], "big"), place + count
