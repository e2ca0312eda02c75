"""What does the barcode of a driving licence of the US or Canada say?

Source: AAMVA DL/ID Card Design Standard, annex D, versions 1 (2000) to 10 (2020). A barcode is
taken whole or not at all: counts, offsets, lengths and separators must be as the standard has them,
for whoever writes one by hand often errs there.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from veridical.ocr.dates import iso_day

__all__ = ["Licence", "MalformedBarcodeError", "looks_like_licence", "parse_aamva"]

TABLE = Path(__file__).parent / "tables" / "aamva_issuers.txt"
MOST_BYTES = 4096
"""A symbol holds 1,108 bytes; more are none that was read from one."""
HEAD = re.compile(rb"@\n\x1e\r(?:ANSI |AAMVA)(\d{6})(\d\d)")
ELEMENT = re.compile(r"[A-Z]{3}")
NEWEST = 10
CANADA = "CAN"
SEXES = {"1": "M", "2": "F", "9": "X", "M": "M", "F": "F", "X": "X"}
ADDRESS = ("DAG", "DAH", "DAI", "DAJ", "DAK")
EMPTY = {"", "NONE", "UNAVL", "UNAVAIL"}


class MalformedBarcodeError(Exception):
    """A barcode that means to be a licence's and is not written as one."""


@dataclass(frozen=True, slots=True)
class Licence:
    """What a licence or identification card says.

    Attributes:
        version: Of the standard, 1 to 10.
        kind: `DL` or `ID`.
        issuer: Who issued it, two letters; empty for a number that is not known.
        fields: `number surname given_names birth expiry issued sex address`, those
            that are there; dates as YYYY-MM-DD, the address in one line.
    """

    version: int
    kind: str
    issuer: str
    fields: Mapping[str, str]


def looks_like_licence(data: bytes) -> bool:
    """Whether a barcode means to be a licence's: others stand on cards too."""
    return data[:1] == b"@" and (b"ANSI " in data[:12] or b"AAMVA" in data[:12])


def parse_aamva(data: bytes) -> Licence:
    """Read a barcode.

    Args:
        data: Its bytes.

    Raises:
        MalformedBarcodeError: It is not written as the standard asks; the message says where.
    """
    head = HEAD.match(data)
    if head is None or len(data) > MOST_BYTES:
        raise MalformedBarcodeError("the header is none of the standard")
    version = int(head[2])
    if not 1 <= version <= NEWEST:
        raise MalformedBarcodeError(f"version {version} is not known")
    kind, elements = _subfile(data, head.end(), version)
    return Licence(version, kind, _issuers().get(head[1].decode(), ""), _fields(elements, version))


def _subfile(data: bytes, place: int, version: int) -> tuple[str, dict[str, str]]:
    """The elements of the one subfile that says who it is."""
    if version > 1:
        place += len(_digits(data, place, 2, "version of the jurisdiction"))
    count = int(_digits(data, place, 2, "number of subfiles"))
    place += 2
    if not count:
        raise MalformedBarcodeError("no subfile")
    entries = []
    for _ in range(count):
        kind = data[place : place + 2].decode("ascii", "replace")
        if not re.fullmatch("[A-Z]{2}|Z[A-Z0-9]", kind):
            raise MalformedBarcodeError("the number of subfiles is not that of their entries")
        start = int(_digits(data, place + 2, 4, "offset"))
        length = int(_digits(data, place + 6, 4, "length"))
        entries.append((kind, start, length))
        place += 10
    entries.sort(key=lambda entry: entry[1])
    for kind, start, length in entries:
        if start != place:
            raise MalformedBarcodeError(f"subfile {kind} does not begin where the one before ends")
        place += length
    if place != len(data):
        raise MalformedBarcodeError(f"{len(data)} bytes came, the entries tell of {place}")
    found = {kind: _elements(kind, data[start : start + n]) for kind, start, n in entries}
    told = [kind for kind in ("DL", "ID") if kind in found]
    if len(told) != 1 or len(found) != count:
        raise MalformedBarcodeError("one subfile DL or ID was wanted, each kind once")
    return told[0], found[told[0]]


def _elements(kind: str, content: bytes) -> dict[str, str]:
    """Element by name; every one ends in a line feed, the subfile in a carriage return."""
    if content[:2] != kind.encode() or content[-1:] != b"\r":
        raise MalformedBarcodeError(f"subfile {kind} does not begin or end as such")
    elements: dict[str, str] = {}
    body = content[2:-1].removesuffix(b"\n").decode("latin-1")
    for line in body.split("\n"):
        name, value = line[:3], line[3:]
        if not ELEMENT.fullmatch(name) or name in elements:
            raise MalformedBarcodeError(f"subfile {kind} has an element without a name, or twice")
        if not value.isprintable() and value:
            raise MalformedBarcodeError(f"element {name} holds control characters")
        elements[name] = value.strip()
    return elements


def _digits(data: bytes, place: int, count: int, what: str) -> str:
    text = data[place : place + count]
    if len(text) != count or not text.isdigit():
        raise MalformedBarcodeError(f"the {what} is no number")
    return text.decode()


def _fields(elements: Mapping[str, str], version: int) -> dict[str, str]:
    """Fields by our names, whatever the version calls them."""
    canadian = elements.get("DCG") == CANADA
    named = {
        "number": elements.get("DAQ", ""),
        **_names(elements),
        "sex": SEXES.get(elements.get("DBC", ""), ""),
        "address": ", ".join(
            part for name in ADDRESS if (part := elements.get(name, "")).upper() not in EMPTY
        ),
    }
    for name, element in (("birth", "DBB"), ("expiry", "DBA"), ("issued", "DBD")):
        text = elements.get(element, "")
        named[name] = _day(text, year_first=version == 1 or canadian)
        if text.upper() not in EMPTY and set(text) - {"0"} and not named[name]:
            raise MalformedBarcodeError(f"element {element} is no date")
    found = {name: value for name, value in named.items() if value.upper() not in EMPTY}
    if missing := [name for name in ("number", "surname", "birth") if name not in found]:
        raise MalformedBarcodeError(f"no {missing[0]}")
    if "issued" in found and found["birth"] > found["issued"]:
        raise MalformedBarcodeError("issued before the birth")
    return found


def _names(elements: Mapping[str, str]) -> dict[str, str]:
    """Surname and given names: apart since version 2, in `DAA` by commas before."""
    if "DCS" in elements or "DAB" in elements:
        surname = elements.get("DCS") or elements.get("DAB", "")
        given = elements.get("DCT") or f"{elements.get('DAC', '')} {elements.get('DAD', '')}"
        given = "" if given.strip().upper() in EMPTY else given
        words = [word for word in re.split("[ ,]+", given) if word.upper() not in EMPTY]
        return {"surname": surname, "given_names": " ".join(words)}
    surname, _, given = elements.get("DAA", "").partition(",")
    return {"surname": surname.strip(), "given_names": " ".join(given.replace(",", " ").split())}


def _day(text: str, *, year_first: bool) -> str:
    """YYYYMMDD, or MMDDYYYY in the US since version 2; empty for anything else."""
    if not re.fullmatch("[0-9]{8}", text):
        return ""
    if year_first:
        return iso_day(text[:4], text[4:6], text[6:]) or ""
    return iso_day(text[4:], text[:2], text[2:4]) or ""


@cache
def _issuers() -> Mapping[str, str]:
    lines = TABLE.read_text(encoding="ascii").splitlines()
    words = (word for line in lines if not line.startswith("#") for word in line.split())
    return {number: state for number, _, state in (word.partition(":") for word in words)}
