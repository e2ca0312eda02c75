"""Specimens of licences of the US and Canada: own drawings, marked, of invented holders.

The barcode is written by another hand than the reader's: PyPI `pdf417gen`, of the extra `dev`.
"""

from collections.abc import Mapping
from datetime import date, timedelta

import numpy as np
from numpy.random import Generator

from veridical.rehearsal.specimens.cards import CAPTION, CARD_MM, Drawing, Sheet, draw_face
from veridical.rehearsal.specimens.fonts import Fonts
from veridical.types import Image

__all__ = ["DRAWERS", "barcode_text", "draw", "draw_licence_front", "write_symbol"]

NEWEST = 10
ISSUERS = {"CA": "636014", "NY": "636001", "TX": "636015", "ON": "636012", "BC": "636028"}
CANADA = ("ON", "BC")
SURNAMES = ("SAMPLE", "OTTER", "HERON", "LARCH", "QUARTZ", "VALE-MOSS", "O'FERN")
GIVEN = ("ALEX", "ROBIN", "SASHA", "KIM", "JO ANN", "LEE", "MORGAN")
STREETS = ("1 EXAMPLE ST", "22 SPECIMEN AVE APT 4", "333 NOWHERE RD")
CITIES = ("ANYTOWN", "SAMPLEVILLE", "NEW EXAMPLE")
MARK_BLUE = (30, 60, 120)
SYMBOL_MM = (5.0, 17.0, 80.0, 34.0)


def draw(
    rng: Generator, fonts: Fonts, portrait: Image | None, known: dict[str, str]
) -> tuple[Mapping[str, str], Drawing]:
    """The side with the barcode.

    Args:
        rng: Source of chance.
        fonts: What to write with.
        portrait: Not shown on this side.
        known: Values to encode, by name; the others are drawn.
    """
    del portrait
    values = _holder(rng) | known
    sheet = Sheet(CARD_MM, fonts, rng)
    sheet.text((5.0, 6.0), "CLASS: C   END: NONE   REST: NONE", 2.6, CAPTION)
    sheet.text((5.0, 10.5), "Single axle vehicle not over 26,000 lbs.", 2.2, CAPTION)
    text = barcode_text(values, int(rng.integers(8, NEWEST + 1)))
    sheet.symbol(SYMBOL_MM, write_symbol(text))
    sheet.text((5.0, 40.0), "REV 01/01/2020", 2.2, CAPTION)
    sheet.text((50.0, 40.0), f"DD {rng.integers(10**9):09}", 2.2, CAPTION)
    sheet.mark((5.0, 47.0), 3.4)
    return values, sheet.finish()


def write_symbol(data: bytes, columns: int = 13, security: int = 5) -> Image:
    """A PDF417 symbol, four pixels a module.

    Args:
        data: What it says.
        columns: Of codewords.
        security: Level of its error correction, 0 to 8.
    """
    import pdf417gen

    codes = pdf417gen.encode(data, columns=columns, security_level=security)
    drawn = pdf417gen.render_image(codes, scale=4, ratio=3, padding=8).convert("RGB")
    return Image(np.asarray(drawn, np.uint8).copy())


def barcode_text(values: Mapping[str, str], version: int) -> bytes:
    """What a barcode of the standard says, in one of its versions.

    Args:
        values: As `Document.fields` of an `aamva_back`.
        version: 1 to 10.
    """
    state = values["issuer"]
    year_first = version == 1 or state in CANADA

    def day(name: str) -> str:
        year, month, dom = values[name].split("-")
        return year + month + dom if year_first else month + dom + year

    given = values["given_names"]
    street, city, _, code = values["address"].split(", ")
    elements = {"DAQ": values["number"]}
    if version == 1:
        elements["DAA"] = f"{values['surname']},{given.replace(' ', ',')}"
    elif version < 4:
        elements |= {"DCS": values["surname"], "DCT": given.replace(" ", ",")}
    else:
        first, _, middle = given.partition(" ")
        elements |= {"DCS": values["surname"], "DAC": first, "DAD": middle or "NONE"}
        elements |= {"DDE": "N", "DDF": "N", "DDG": "N"}
    elements |= {"DBD": day("issued"), "DBB": day("birth"), "DBA": day("expiry")}
    sexes = {"M": "M", "F": "F"} if version == 1 else {"M": "1", "F": "2", "X": "9"}
    elements |= {"DBC": sexes[values["sex"]], "DAG": street, "DAI": city, "DAJ": state}
    elements["DAK"] = code.ljust(11)
    if version > 1:
        elements |= {"DCF": "83D9BN217QO983B1", "DCG": "CAN" if state in CANADA else "USA"}
    holder = "DL" + "".join(f"{name}{value}\n" for name, value in elements.items()) + "\r"
    more = "" if version == 1 else f"Z{state[0]}Z{state[0]}A01\n\r"
    count = 1 + bool(more)
    head = f"@\n\x1e\rANSI {ISSUERS[state]}{version:02}" + ("" if version == 1 else "00")
    start = len(head) + 2 + 10 * count
    entries = f"DL{start:04}{len(holder):04}"
    if more:
        entries += f"Z{state[0]}{start + len(holder):04}{len(more):04}"
    return f"{head}{count:02}{entries}{holder}{more}".encode("latin-1")


def _holder(rng: Generator) -> dict[str, str]:
    """An invented holder."""
    state = str(rng.choice(list(ISSUERS)))
    issued = date(2021, 1, 1) + timedelta(days=int(rng.integers(0, 1800)))
    birth = date(1945, 1, 1) + timedelta(days=int(rng.integers(0, 22000)))
    address = (rng.choice(STREETS), rng.choice(CITIES), state, f"{rng.integers(10000, 99999)}")
    return {
        "number": f"{rng.choice(list('DKWX'))}{rng.integers(10**7):07}",
        "surname": str(rng.choice(SURNAMES)),
        "given_names": str(rng.choice(GIVEN)),
        "sex": str(rng.choice(["F", "M", "X"])) if state == "CA" else "F",
        "birth": birth.isoformat(),
        "issued": issued.isoformat(),
        "expiry": issued.replace(year=issued.year + 8, day=min(issued.day, 28)).isoformat(),
        "address": ", ".join(str(part) for part in address),
        "issuer": state,
    }


def draw_licence_front(
    rng: Generator, fonts: Fonts, portrait: Image | None, known: dict[str, str]
) -> tuple[Mapping[str, str], Drawing]:
    """The side with the portrait; as `draw`."""
    values = _holder(rng)
    del values["issuer"]
    values |= known
    sheet = Sheet(CARD_MM, fonts, rng)

    def day(name: str) -> str:
        year, month, dom = values[name].split("-")
        return f"{month}/{dom}/{year}"

    street, city, state, code = values["address"].split(", ")
    sheet.text((5.0, 5.0), "NEW EXAMPLE", 4.2, MARK_BLUE)
    sheet.text((46.0, 5.0), "DRIVER LICENSE", 3.6, MARK_BLUE)
    sheet.photograph((3.5, 10.0, 27.0, 40.0), portrait or draw_face(rng))
    left = 30.0
    sheet.text((left, 11.5), f"4d DLN {values['number']}", 3.2, field="number")
    sheet.text((left, 16.0), f"1 {values['surname']}", 3.2, field="surname")
    sheet.text((left, 20.2), f"2 {values['given_names']}", 3.2, field="given_names")
    sheet.text((left, 24.4), f"8 {street}", 2.7, field="address")
    sheet.text((left + 2.0, 28.0), f"{city}, {state} {code}", 2.7, field="address")
    sheet.text((left, 32.6), f"3 DOB {day('birth')}", 3.2, field="birth")
    sheet.text((left, 37.2), f"4b EXP {day('expiry')}", 2.9, field="expiry")
    sheet.text((left + 28.0, 37.2), f"4a ISS {day('issued')}", 2.9, field="issued")
    sheet.text((left, 41.6), f"15 SEX {values['sex']}", 2.7, field="sex")
    sheet.text((left + 16.0, 41.6), "16 HGT 5'-09\"", 2.7)
    sheet.text((left + 36.0, 41.6), "9 CLASS C", 2.7)
    sheet.mark((4.0, 48.6), 3.0)
    values["address"] = f"{street}, {city}, {state} {code}"
    return values, sheet.finish()


DRAWERS = {"aamva_back": draw, "aamva_front": draw_licence_front}
