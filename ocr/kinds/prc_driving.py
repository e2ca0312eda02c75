"""The driving licence of the People's Republic of China, its main page.

Sources: the Ministry of Public Security's rules on driving licences (fields, classes, terms of 6
and 10 years and for good) and GB 11643: the licence's number is its holder's citizen number. The
layout is that of the printed licence in its outlines, tried on own drawings only; electronic
licences and those of holders without a citizen number are not known.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import date, timedelta

from veridical.ocr.chinese import is_chinese, simplified_forms
from veridical.ocr.dates import LONG_TERM, as_day, is_anniversary, iso_day
from veridical.ocr.document import Document, Field, unsure_fields
from veridical.ocr.geometry import Quad
from veridical.ocr.ink import claims_of
from veridical.ocr.kinds.kind import FieldSpec, Found, Kind, Side, Tools
from veridical.ocr.kinds.prc_id import number_findings, region_never_issued
from veridical.ocr.number import is_consistent
from veridical.ocr.page import Line, Page, rows_of
from veridical.ocr.resident import NUMBER_ASPECT, find_number
from veridical.ocr.resident_rows import STRANGE_IN_ADDRESS, name_of, together
from veridical.ocr.written import Written

__all__ = ["KINDS", "DrivingLicence", "class_of", "person_in"]

TITLE = re.compile("驾驶证|Driving|Licen[cs]e of", re.IGNORECASE)
NUMBER_ABOVE = 1.0
"""How far above the number the title may stand, in widths of the number."""
ROWS_BELOW, BELOW = 3, 0.6
"""Rows that stand below the number, and within how many of its widths: a card's is its last."""
DAY = r"((?:19|20)\d{2})[-.年](\d{2})[-.月](\d{2})"
TERM = re.compile(rf"{DAY}日?至(?:{DAY}|(长期))")
DATE = re.compile(rf"{DAY}日?$")
CAPTION = re.compile(
    "(证号|姓名|性别|国籍|住址|出生日期|初次领证日期|准驾车型|有效期限|样本|[A-Za-z.'])+"
)
"""A line of nothing else is none of the values; some of it may stand before one."""
CLASS = re.compile(r"(?:车型)?(?:Class)?((?:[ABC]\d|[DEFMNP])+)$")
CLASSES = frozenset(
    ("A1", "A2", "A3", "B1", "B2", "C1", "C2", "C3", "C4", "C5", "C6", "D", "E", "F", "M", "N", "P")
)
SEX = re.compile("^(?:性别|别)?(?:Sex)?([男女])$")
TERMS_YEARS = (6, 10)
PORTRAIT = (0.73, 0.55, 0.97, 0.92)
NUMBER_AT, NUMBER_WIDTH = (0.535, 0.245), 0.44
"""Middle of the number and its width, in shares of the card's sides and in card widths."""
HEIGHT = 60.0 / 88.0
OTHERS_READ = 6
ROOM, SPARE = 1.2, 0.1
INK, GLARE = 0.3, 0.4
"""As for the rows of an identity card."""


class DrivingLicence(Kind):
    """The page with the portrait."""

    document = "prc_driving"
    sides = (
        Side(
            "prc_driving",
            "PRC driving licence, main page",
            "机动车驾驶证正页",
            (
                FieldSpec("number", "Licence number", "证号"),
                FieldSpec("name", "Name", "姓名"),
                FieldSpec("sex", "Sex", "性别"),
                FieldSpec("nationality", "Nationality", "国籍"),
                FieldSpec("address", "Address", "住址"),
                FieldSpec("birth", "Date of birth", "出生日期"),
                FieldSpec("first_issued", "Date of first issue", "初次领证日期"),
                FieldSpec("vehicle_class", "Class", "准驾车型"),
                FieldSpec("valid_from", "First day of validity", "有效期起"),
                FieldSpec("valid_to", "Last day of validity", "有效期至"),
            ),
        ),
    )
    rank = 19  # before the identity card, whose number it bears

    def find(self, page: Page, names: Collection[str], tools: Tools) -> Found | None:
        """By a citizen number with rows below it, and the title above."""
        del names
        if tools.ocrb is None:
            return None
        others = [line for line in page.lines if not _has_rows_below(page, line)]
        found = find_number(page.without(others), tools.ocrb)
        if found is None:
            return None
        place, number = found
        above = [
            line
            for line in page.lines
            if 0 < place.y - line.y < NUMBER_ABOVE * place.width and line.width > 4 * line.height
        ]
        if not any(TITLE.search(page.read(line).text) for line in above):
            return None
        return self._around(page, place, number, above)

    def validate(self, document: Document, today: date) -> list[str]:
        """The number against birth and sex; the term; the class."""
        del today
        found = number_findings({name: one.value for name, one in document.fields.items()})
        starts, ends = as_day(document.value("valid_from")), as_day(document.value("valid_to"))
        if starts and ends and not _legal(starts, ends):
            found.append("term_not_legal")
        first = as_day(document.value("first_issued"))
        if first and starts and first > starts:
            found.append("term_not_legal")
        return found

    def specimen(self, document: Document) -> str:
        """As for the identity card, whose number it bears."""
        return region_never_issued(document.value("number") or "")

    def holder_number(self, document: Document) -> str:
        """The citizen number."""
        number = document.value("number") or ""
        return number if is_consistent(number) else ""

    def _around(self, page: Page, place: Line, number: Field, above: Sequence[Line]) -> Found:
        """Everything else, once it is known where the number stands."""
        width = place.width / NUMBER_WIDTH

        def at(x: float, y: float) -> tuple[float, float]:
            dx, dy = (x - NUMBER_AT[0]) * width, (y - NUMBER_AT[1]) * width * HEIGHT
            return place.x + dx - place.slope * dy, place.y + dy + place.slope * dx

        def quad(left: float, top: float, right: float, bottom: float) -> Quad:
            corners = ((left, top), (right, top), (right, bottom), (left, bottom))
            return page.to_picture([at(x, y) for x, y in corners])

        below = [
            line
            for line in page.lines
            if 0.4 * place.height < line.y - place.y < width * HEIGHT
            and at(-0.05, 0)[0] < line.x < at(1.05, 0)[0]
        ]
        fields = {"number": number} | _read(page, below)
        unsure = unsure_fields(fields)
        wanted = self.wanted(Document(self.sides[0].name))
        return Found(
            kind=self,
            name=self.sides[0].name,
            page=page,
            fields=fields,
            quad=quad(0, 0, 1, 1),
            agreement=5 + len(fields) - len(unsure),
            complete=all(name in fields for name in wanted) and not unsure,
            portrait=quad(*PORTRAIT),
            texts=tuple(page.read(line).text for line in above[:OTHERS_READ]),
        )


def _has_rows_below(page: Page, line: Line) -> bool:
    """Whether rows follow a long line closely, as no identity card has them below its number."""
    if line.width < NUMBER_ASPECT * line.height:
        return False
    below = [
        other
        for other in page.lines
        if line.height < other.y - line.y < BELOW * line.width and other.left < line.right
    ]
    return len(rows_of(below)) >= ROWS_BELOW


def _read(page: Page, lines: Sequence[Line]) -> dict[str, Field]:
    """What stands below the number, by its form and order.

    A row with the sex, left of it the name, right of it the nationality; the address; birth, first
    issue, class and term. Captions stand beside the values, in two languages.
    """
    rows = rows_of(line for line in lines if not _is_caption(page, line))
    values = [[_value(page, row, place) for place in range(len(row))] for row in rows]
    values = [row for row in values if row]
    person = next((at for at, row in enumerate(values) if _sex_in(row) is not None), None)
    if person is None:
        return {}
    fields = person_in(values[person], _sex_in(values[person]) or 0)
    address: list[Written] = []
    days: list[Field] = []
    for row in values[person + 1 :]:
        for written in row:
            if match := TERM.search(written.text):
                fields |= _term(written, match)
            elif match := DATE.search(written.text):
                if day := iso_day(*match.group(1, 2, 3)):
                    days.append(written.part(*match.span()).field(day))
            elif not days:
                address.append(written)
            elif match := CLASS.search(written.text):
                fields["vehicle_class"] = class_of(written.part(*match.span(1)))
    fields |= dict(zip(("birth", "first_issued"), days, strict=False))
    whole = together([part for one in address if (part := _behind_caption(one)).text])
    if whole is not None and (found := _address(whole)):
        fields["address"] = found
    return fields


def _is_caption(page: Page, line: Line) -> bool:
    text = page.read(line).text.replace(" ", "")
    known = CLASS.fullmatch(text) is not None
    return not text or (CAPTION.fullmatch(text) is not None and not known)


def _behind_caption(written: Written) -> Written:
    """A value without the caption that the detector took along."""
    match = CAPTION.match(written.text)
    return written.part(match.end()) if match else written


def _value(page: Page, row: Sequence[Line], place: int) -> Written:
    """What a line says, doubted where ink or glare is left over in or behind it."""
    line = row[place]
    room = ROOM * line.height
    if place + 1 < len(row):
        room = min(room, row[place + 1].left - line.right - SPARE * line.height)
    claims = claims_of(page, line, page.read(line), 0.0, max(room, 0.0))
    lost = claims.ink > INK or claims.glare > GLARE
    return replace(Written.on(page, [line]), doubted=lost)


def _sex_in(row: Sequence[Written]) -> int | None:
    """Which part of a row holds the sex."""
    return next((at for at, one in enumerate(row) if SEX.match(one.text)), None)


def person_in(row: Sequence[Written], sex: int) -> dict[str, Field]:
    """Name, sex and nationality in the row they share."""
    match = SEX.match(row[sex].text)
    # Its caption's English stands below it in the same box: the ink says nothing here.
    told = replace(row[sex], doubted=False)
    fields = {"sex": told.part(*match.span(1)).field()} if match else {}
    names = [part for one in row[:sex] if (part := _behind_caption(one)).text]
    # A second part is a caption that was misread, or the name was not whole in the first.
    name = replace(names[0], doubted=names[0].doubted or len(names) > 1) if names else None
    if name is not None and (found := name_of(name)):
        fields["name"] = found
    state = together([part for one in row[sex + 1 :] if (part := _behind_caption(one)).text])
    if state is not None and (state := state.only(is_chinese)).text:
        fields["nationality"] = state.field()
    return fields


def _address(whole: Written) -> Field | None:
    whole = whole.folded(simplified_forms())
    strange = any(STRANGE_IN_ADDRESS.match(character) for character in whole.text)
    return replace(whole, doubted=whole.doubted or strange).field() if whole.text else None


def class_of(written: Written) -> Field:
    """A class; nothing tells an E from an F, both of which are classes."""
    known = not set("EF") & set(written.text)
    known &= all(one in CLASSES for one in re.findall(r"[A-Z]\d?", written.text))
    return replace(written, doubted=not known).field()


def _term(row: Written, match: re.Match[str]) -> dict[str, Field]:
    """First and last day of validity."""
    starts = iso_day(*match.group(1, 2, 3))
    ends = LONG_TERM if match[7] else iso_day(*match.group(4, 5, 6))
    last = match.span(7) if match[7] else (match.start(4), match.end(6))
    found = {
        "valid_from": (starts, row.part(match.start(1), match.end(3))),
        "valid_to": (ends, row.part(*last)),
    }
    return {name: part.field(day) for name, (day, part) in found.items() if day}


def _legal(starts: date, ends: date) -> bool:
    """Whether a term is of so many years, to the day or to the day before."""
    return any(is_anniversary(starts, day, TERMS_YEARS) for day in (ends, ends + timedelta(days=1)))


KINDS = (DrivingLicence(),)
