"""Fronts of driving licences and identification cards of the US and Canada.

Source: AAMVA DL/ID Card Design Standard, which numbers what a card prints (1 family name, 2 given
names, 3 birth, 4a issue, 4b expiry, 4d number, 8 address, 15 sex) but leaves the layout to each
state: values are found by these numbers and their captions. Tried on own drawings only. The barcode
on the back says the same without misreadings: the two are compared.
"""

import re
from collections.abc import Collection, Sequence

from veridical.ocr.dates import iso_day
from veridical.ocr.document import Document, Field, unsure_fields
from veridical.ocr.geometry import Quad
from veridical.ocr.kinds.kind import FieldSpec, Found, Kind, Side, Tools, place_on
from veridical.ocr.page import Line, Page, rows_of
from veridical.ocr.written import Written

__all__ = ["KINDS", "LicenceFront"]

TITLE = re.compile(
    "DRIVER'?S?LICEN[CS]E|IDENTIFICATIONCARD|PERMISDECONDUIRE|DRIVERLICEN", re.IGNORECASE
)
TITLES_TRIED, MOST_LINES = 5, 40
DAY = r"(?:(\d{2})[/-](\d{2})[/-]((?:19|20)\d{2})|((?:19|20)\d{2})[/-](\d{2})[/-](\d{2}))"
BIRTH = re.compile(rf"(?:DOB|DDN|BIRTH|BORN)\D{{0,8}}{DAY}", re.IGNORECASE)
EXPIRY = re.compile(rf"(?:EXP)\D{{0,8}}{DAY}", re.IGNORECASE)
ISSUED = re.compile(rf"(?:ISS|DEL)\D{{0,8}}{DAY}", re.IGNORECASE)
NUMBER = re.compile(r"^(?:4d\.?)?(?:DLN?|LIC|ID|NUMBER|NO)[#:.]*([A-Z0-9*-]{4,25})$")
SURNAME = re.compile(r"^(?:1\.?|LN|FN/LN)[:.]?([A-Z][A-Z' -]+)$")
GIVEN = re.compile(r"^(?:2\.?|FN)[:.]?([A-Z][A-Z' -]+)$")
SEX = re.compile(r"^(?:15\.?)?SEX[:.]?([MFX])$")
ADDRESS = re.compile(r"^8\.?(\d.*)$")
DATES = {"birth": BIRTH, "expiry": EXPIRY, "issued": ISSUED}
TEXTS = {"number": NUMBER, "surname": SURNAME, "given_names": GIVEN, "sex": SEX}
FEWEST = 3
"""Fields from which a card with such a title is one."""
COMPARED = ("number", "birth", "expiry", "surname")
CARD_HEIGHT = 54.0 / 85.6
PORTRAIT = (0.03, 0.2, 0.36, 0.85)


class LicenceFront(Kind):
    """The side with the portrait."""

    document = "aamva"
    sides = (
        Side(
            "aamva_front",
            "Driving licence or identification card of the US or Canada, front",
            "美国或加拿大驾驶证、身份证（正面）",
            (
                FieldSpec("number", "Number", "证件号码"),
                FieldSpec("surname", "Surname", "姓"),
                FieldSpec("given_names", "Given names", "名"),
                FieldSpec("sex", "Sex", "性别"),
                FieldSpec("birth", "Date of birth", "出生日期"),
                FieldSpec("issued", "Date of issue", "签发日期"),
                FieldSpec("expiry", "Date of expiry", "有效期至"),
                FieldSpec("address", "Address", "住址"),
            ),
        ),
    )
    rank = 60

    def find(self, page: Page, names: Collection[str], tools: Tools) -> Found | None:
        """By a title of such cards and values with the standard's captions."""
        del names, tools
        wide = sorted(
            (line for line in page.lines if line.width > 4 * line.height),
            key=lambda line: -line.width * line.height,
        )
        title = next((one for one in wide[:TITLES_TRIED] if TITLE.search(_plain(page, one))), None)
        if title is None:
            return None
        lines = [line for line in page.lines if line is not title][:MOST_LINES]
        fields, used = _read(page, lines)
        if len(fields) < FEWEST or "birth" not in fields:
            return None
        unsure = unsure_fields(fields)
        quad = _card_around(page, [title, *used])
        wanted = self.wanted(Document(self.sides[0].name))
        return Found(
            kind=self,
            name=self.sides[0].name,
            page=page,
            fields=fields,
            quad=quad,
            agreement=len(fields) - len(unsure),
            complete=all(name in fields for name in wanted) and not unsure,
            portrait=place_on(quad, PORTRAIT),
            texts=tuple(_plain(page, line) for line in (title, *lines) if line not in used),
        )

    def compare(self, front: Document, back: Document) -> list[str]:
        """What is printed against what the barcode says, where it was clearly read."""
        unsure = unsure_fields(front.fields)
        for name in COMPARED:
            one, other = front.value(name), back.value(name)
            if one and other and name not in unsure and _letters(one) != _letters(other):
                return ["barcode_mismatch"]
        return []


def _letters(text: str) -> str:
    """Letters and digits alone: the print has dashes where the barcode has none."""
    return re.sub("[^A-Z0-9]", "", text.upper())


def _plain(page: Page, line: Line) -> str:
    return page.read(line).text.replace(" ", "")


def _read(page: Page, lines: Sequence[Line]) -> tuple[dict[str, Field], list[Line]]:
    """Values by their captions, and the lines in which they stand."""
    fields: dict[str, Field] = {}
    used: list[Line] = []
    street: Line | None = None
    for row in rows_of(lines):
        for line in row:
            written = Written.on(page, [line])
            found = _fields_in(page, line, written)
            if found:
                fields = found | fields
                used.append(line)
            elif "address" not in fields and (match := ADDRESS.match(written.text)):
                street = line
                fields["address"] = written.part(match.start(1)).field(_spaced(page, line, "8"))
                used.append(line)
            elif street is not None and 0 < line.y - street.y < 2 * street.height:
                if abs(line.left - street.left) < 3 * street.height:
                    first = fields["address"]
                    more = written.field()
                    value = f"{first.value}, {_spaced(page, line, '')}"
                    weakest = min(first.weakest or 0.0, more.weakest or 0.0)
                    score = min(first.score, more.score)
                    fields["address"] = Field(value, score, first.box, weakest=weakest)
                    used.append(line)
                street = None
    return fields, used


def _fields_in(page: Page, line: Line, written: Written) -> dict[str, Field]:
    """The values in a line that their captions tell; two dates often share one."""
    fields: dict[str, Field] = {}
    for name, pattern in DATES.items():
        if match := pattern.search(written.text):
            month, day, year = match.group(1, 2, 3)
            if year is None:
                year, month, day = match.group(4, 5, 6)
            start = match.start(1) if match[1] else match.start(4)
            if told := iso_day(year, month, day):
                fields[name] = written.part(start, match.end()).field(told)
    if fields:
        return fields
    for name, pattern in TEXTS.items():
        if match := pattern.match(written.text):
            value = None
            if name in ("surname", "given_names"):
                value = _spaced(page, line, written.text[: match.start(1)])
            return {name: written.part(*match.span(1)).field(value)}
    return {}


def _spaced(page: Page, line: Line, caption: str) -> str:
    """A line with its spaces, without its caption."""
    text = page.read(line).text.strip()
    for character in caption:
        text = text.removeprefix(character).lstrip()
    return " ".join(text.split())


def _card_around(page: Page, lines: Sequence[Line]) -> Quad:
    """Roughly where the card lies: its edges in the picture say it better."""
    left = min(line.left for line in lines)
    right = max(line.right for line in lines)
    top = min(line.y for line in lines)
    width = max((right - left) * 1.25, 1.0)
    x, y = right - width * 0.97, top - 0.06 * width
    down = width * CARD_HEIGHT
    return page.to_picture([(x, y), (x + width, y), (x + width, y + down), (x, y + down)])


KINDS = (LicenceFront(),)
