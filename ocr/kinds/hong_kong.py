"""The Hong Kong identity card.

Source of the check digit: the rule in common use (letters count 10 to 35, a missing first letter
36, weights 9 to 1, sum divisible by 11); the Immigration Department publishes none. The layout is
that of the card of 2018 in its outlines, tried on own drawings only.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import date

from veridical.ocr.dates import iso_day
from veridical.ocr.document import Document, Field, Source, unsure_fields
from veridical.ocr.geometry import Quad, bounds
from veridical.ocr.kinds.kind import FieldSpec, Found, Kind, Side, Tools
from veridical.ocr.number import mend
from veridical.ocr.page import Line, Page, rows_of
from veridical.ocr.written import Written

__all__ = ["KINDS", "HongKongCard", "check_character", "number_in"]

NUMBER = re.compile(r"([A-Z]{1,2})(\d{6})\(([\dA])\)")
PRINTED = re.compile(r"([A-Z]{1,2}?)([\dA-Z|]{6})(\(?)([\dA-Z|])\)?$")
BIRTH = re.compile(r"(\d{2})-(\d{2})-((?:19|20)\d{2})")
ISSUED = re.compile(r"(?<!\d)(\d{2})-(\d{2})-(\d{2})$")
SEX = re.compile(r"([男女])([MF])?$")
LATIN = re.compile(r"([A-Z][A-Z'’-]+),([A-Z][A-Za-z'’-]*)")
CHINESE = re.compile(r"[㐀-鿿\U00020000-\U0003ffff]{2,6}$")
CAPTION = re.compile("香港|身份|出生|日期|簽發|签发|永久|居民|樣本|样本")
SEXES = {"男": "M", "女": "F"}
ASPECTS = (3.0, 12.0)
"""Length over height of a line that may hold the number."""
LINES_TRIED = 8
OTHERS_READ = 12

HEIGHT = 54.0 / 85.6
NUMBER_X, NUMBER_Y, NUMBER_WIDTH = 0.765, 0.551, 0.27
"""Middle of the number and its width, in card widths."""
PORTRAIT = (0.035, 0.19, 0.33, 0.60)
"""Left, top, right, bottom of the portrait with its margin, in card widths."""


def check_character(number: str) -> str:
    """The character in brackets behind a number of one or two letters and six digits."""
    letters = number[:-6].rjust(2)
    values = [36 if letter == " " else int(letter, 36) for letter in letters]
    values += [int(digit) for digit in number[-6:]]
    rest = sum(v * w for v, w in zip(values, range(9, 1, -1), strict=True)) % 11
    return "0A987654321"[rest]


def is_consistent(number: str) -> bool:
    """Whether a number as `A123456(3)` has the check character that belongs to it."""
    match = NUMBER.fullmatch(number)
    return match is not None and check_character(match[1] + match[2]) == match[3]


class HongKongCard(Kind):
    """The side with the portrait; the back says nothing of its holder."""

    document = "hk_id"
    sides = (
        Side(
            "hk_id",
            "Hong Kong identity card",
            "香港身份证",
            (
                FieldSpec("name", "Chinese name", "中文姓名", wanted=False),
                FieldSpec("surname", "Surname", "姓（英文）"),
                FieldSpec("given_names", "Given names", "名（英文）"),
                FieldSpec("sex", "Sex", "性别"),
                FieldSpec("birth", "Date of birth", "出生日期"),
                FieldSpec("issued", "Date of issue", "签发日期", wanted=False),
                FieldSpec("number", "Identity card number", "身份证号码"),
            ),
        ),
    )
    rank = 30

    def find(self, page: Page, names: Collection[str], tools: Tools) -> Found | None:
        """By the number with its check character in brackets."""
        del names
        for line, written in _number_lines(page):
            number = number_in(written)
            if number is not None:
                return self._around(page, line, number, tools.today)
        return None

    def validate(self, document: Document, today: date) -> list[str]:
        """The check character."""
        del today
        number = document.value("number")
        return ["number_check_digit"] if number and not is_consistent(number) else []

    def holder_number(self, document: Document) -> str:
        """The number with its check character."""
        number = document.value("number") or ""
        return number if is_consistent(number) else ""

    def _around(self, page: Page, line: Line, number: Field, today: date) -> Found:
        """Everything else on the card, once it is known where its number stands."""
        width = line.width / NUMBER_WIDTH

        def at(x: float, y: float) -> tuple[float, float]:
            dx, dy = (x - NUMBER_X) * width, (y - NUMBER_Y) * width
            return line.x + dx - line.slope * dy, line.y + dy + line.slope * dx

        def place(left: float, top: float, right: float, bottom: float) -> Quad:
            corners = ((left, top), (right, top), (right, bottom), (left, bottom))
            return page.to_picture([at(x, y) for x, y in corners])

        rows = rows_of(other for other in page.lines if other.y < line.y - line.height / 2)
        fields = {"number": number} | _read_rows(page, rows, today)
        consistent = is_consistent(number.value)
        wanted = self.wanted(Document(self.sides[0].name, fields))
        whole = all(name in fields for name in wanted)
        unsure = unsure_fields(fields)
        return Found(
            kind=self,
            name=self.sides[0].name,
            page=page,
            fields=fields,
            quad=place(0, 0, 1, HEIGHT),
            agreement=len(fields) - len(unsure) + 5 * consistent,
            complete=consistent and whole and not unsure,
            portrait=place(*PORTRAIT),
            texts=_other_texts(page, fields.values()),
        )


def _number_lines(page: Page) -> Iterable[tuple[Line, Written]]:
    """Lines that may hold a number, the lowest first, with what they say."""
    low, high = ASPECTS
    lines = [line for line in page.lines if low < line.width / max(line.height, 1) < high]
    for line in sorted(lines, key=lambda line: -line.y)[:LINES_TRIED]:
        yield line, Written.on(page, [line])


def number_in(written: Written) -> Field | None:
    """The number in a line; look-alikes are replaced by the digits that alone can stand there.

    Letters and seven digits stand on many a document: only the brackets tell this one, and where
    they were not read the check character must, of a number that stands alone in its line.
    """
    match = PRINTED.search(written.text)
    if match is None:
        return None
    digits, changes = mend(match[2])
    last, changed = (match[4], ()) if match[4] == "A" else mend(match[4])
    if not (digits + last.replace("A", "0")).isdigit():
        return None
    number = f"{match[1]}{digits}({last})"
    if not match[3] and (match.start() or not is_consistent(number)):
        return None
    moved = tuple(
        f"{int(place) + start}:{change}"
        for start, some in ((len(match[1]), changes), (len(match[1]) + 7, changed))
        for place, _, change in (one.partition(":") for one in some)
    )
    field = written.part(match.start()).field(number)
    source = Source.CORRECTED if moved else Source.READ
    return replace(field, source=source, corrections=moved)


def _other_texts(page: Page, fields: Iterable[Field]) -> tuple[str, ...]:
    """The words that are no field, such as the title and the mark of a specimen."""
    told = {field.box for field in fields}
    lines = [line for line in page.lines if bounds(line.quad) not in told]
    return tuple(page.read(line).text.replace(" ", "") for line in lines[:OTHERS_READ])


def _read_rows(page: Page, rows: list[list[Line]], today: date) -> dict[str, Field]:
    """Names, birth, sex and issue from the rows above the number; each by its own form."""
    fields: dict[str, Field] = {}
    for row in rows:
        for line in row:
            written = Written.on(page, [line])
            text = written.text
            if "name" not in fields and CHINESE.match(text) and not CAPTION.search(text):
                fields["name"] = written.field()
            elif "surname" not in fields and (match := LATIN.search(text)):
                fields["surname"] = written.part(*match.span(1)).field()
                given = " ".join(re.findall("[A-Z][a-z'’-]*", match[2]))
                fields["given_names"] = written.part(*match.span(2)).field(given)
            elif "birth" not in fields and (match := BIRTH.search(text)):
                if day := iso_day(match[3], match[2], match[1]):
                    fields["birth"] = written.part(*match.span()).field(day)
            elif match := ISSUED.search(text):
                year = 2000 + int(match[3])
                if year <= today.year and (day := iso_day(str(year), match[2], match[1])):
                    fields["issued"] = written.part(*match.span()).field(day)
            if "sex" not in fields and (match := SEX.search(text)) and len(text) < 14:
                agree = match[2] in (None, SEXES[match[1]])
                if agree:
                    fields["sex"] = written.part(*match.span()).field(SEXES[match[1]])
    return fields


KINDS = (HongKongCard(),)
