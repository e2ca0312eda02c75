"""The mainland travel permits of the residents of Hong Kong and Macao, and of Taiwan.

Sources: the Ministry of Public Security's rules for their numbers (a letter, eight digits for life,
two that count renewals, HA or MA and seven digits for holders without Chinese nationality; of
Taiwan eight digits for life). The numbers have no check digit. The layout is that of the cards of
2013 and 2015 in its outlines, tried on own drawings only; older cards with an optical stripe and
booklets are not known.
"""

import re
from collections.abc import Callable, Collection
from datetime import date, timedelta
from typing import ClassVar

from veridical.ocr.dates import as_day, iso_day
from veridical.ocr.document import Document, Field, unsure_fields
from veridical.ocr.geometry import bounds
from veridical.ocr.kinds.kind import FieldSpec, Found, Kind, Side, Tools
from veridical.ocr.page import Line, Page, rows_of
from veridical.ocr.written import Written

__all__ = ["KINDS", "HomeReturnPermit", "TaiwanPermit"]

TERM = re.compile(r"((?:19|20)\d{2})\.(\d{2})\.(\d{2})-(20\d{2})\.(\d{2})\.(\d{2})$")
BIRTH = re.compile(r"(?<![\d-])((?:19|20)\d{2})\.(\d{2})\.(\d{2})$")
SEX = re.compile("[男女]$")
AUTHORITY = re.compile("(公安部|国家移民|中华人民共和国).*局$")
LATIN = re.compile(r"([A-Z][A-Z'-]+),([A-Z][A-Z'-]*)$")
CHINESE = re.compile(r"[㐀-鿿\U00020000-\U0003ffff·]{2,15}$")
CAPTION = re.compile("姓名|出生|性别|有效|签发|机关|期限|日期|证件|号码|通行证|样本|换证|次数|地点")
TERMS_YEARS = (5, 10)
TITLES_TRIED = 4
OTHERS_READ = 12

HEIGHT = 54.0 / 85.6
TITLE_AT, NUMBER_AT = (0.40, 0.055), (0.80, 0.575)
"""Middle of the title and of the number, in card widths."""
PORTRAIT = (0.025, 0.13, 0.315, 0.52)
"""Left, top, right, bottom of the portrait with its margin, in card widths."""


class HomeReturnPermit(Kind):
    """The side with the portrait."""

    document = "prc_home_return"
    sides = (
        Side(
            "prc_home_return",
            "Mainland Travel Permit for Hong Kong and Macao Residents",
            "港澳居民来往内地通行证",
            (
                FieldSpec("name", "Chinese name", "中文姓名", wanted=False),
                FieldSpec("surname", "Surname", "姓（英文）"),
                FieldSpec("given_names", "Given names", "名（英文）"),
                FieldSpec("birth", "Date of birth", "出生日期"),
                FieldSpec("sex", "Sex", "性别"),
                FieldSpec("valid_from", "First day of validity", "有效期起"),
                FieldSpec("valid_to", "Last day of validity", "有效期至"),
                FieldSpec("authority", "Issuing authority", "签发机关"),
                FieldSpec("number", "Permit number", "证件号码"),
            ),
        ),
    )
    rank = 40
    title: ClassVar = re.compile("港澳居民来往内地|来往内地通行证")
    digits: ClassVar = re.compile(r"(?<![A-Z\d])([HM](?:\d{8}|A\d{7}))(\d{2})?$")

    def find(self, page: Page, names: Collection[str], tools: Tools) -> Found | None:
        """By the title and a number of its form: without a check digit neither is enough."""
        del names, tools
        wide = sorted((line for line in page.lines if line.width > 5 * line.height), key=_height)
        title = next(
            (one for one in wide[:TITLES_TRIED] if self.title.search(_plain(page, one))), None
        )
        if title is None:
            return None
        for line in sorted(page.lines, key=_height, reverse=True):
            if 3 < line.width / max(line.height, 1) < 12:
                written = Written.on(page, [line])
                if match := self.digits.search(written.text):
                    number = written.part(*match.span()).field()
                    return self._around(page, title, line, number)
        return None

    def validate(self, document: Document, today: date) -> list[str]:
        """A permit is valid for 5 or 10 years, to the day before."""
        del today
        starts, ends = as_day(document.value("valid_from")), as_day(document.value("valid_to"))
        if starts is None or ends is None:
            return []
        after = ends + timedelta(days=1)
        same_day = (after.month, after.day) == (starts.month, starts.day) or (
            (starts.month, starts.day) == (2, 29) and (after.month, after.day) == (3, 1)
        )
        legal = same_day and after.year - starts.year in TERMS_YEARS
        return [] if legal else ["term_not_legal"]

    def holder_number(self, document: Document) -> str:
        """The part of the number that stays for life; it has no check digit, so only if sure."""
        match = self.digits.fullmatch(document.value("number") or "")
        sure = "number" not in unsure_fields(document.fields)
        return match[1] if match and sure else ""

    def _around(self, page: Page, title: Line, line: Line, number: Field) -> Found:
        """Everything else on the card, once it is known where title and number stand."""
        at = _layout(title, line)

        def corners(
            left: float, top: float, right: float, bottom: float
        ) -> list[tuple[float, float]]:
            return [
                at(x, y) for x, y in ((left, top), (right, top), (right, bottom), (left, bottom))
            ]

        between = [one for one in page.lines if title.y < one.y < line.y and one is not title]
        fields = {"number": number} | _read(page, between)
        unsure = unsure_fields(fields)
        told = {field.box for field in fields.values()}
        others = [one for one in page.lines if bounds(one.quad) not in told][:OTHERS_READ]
        wanted = self.wanted(Document(self.sides[0].name))
        return Found(
            kind=self,
            name=self.sides[0].name,
            page=page,
            fields=fields,
            quad=page.to_picture(corners(0, 0, 1, HEIGHT)),
            agreement=len(fields) - len(unsure),
            complete=all(name in fields for name in wanted) and not unsure,
            portrait=page.to_picture(corners(*PORTRAIT)),
            texts=tuple(_plain(page, one) for one in others),
        )


def _layout(title: Line, number: Line) -> Callable[[float, float], tuple[float, float]]:
    """From card widths to the frame, by the middles of title and number."""
    one, other = complex(title.x, title.y), complex(number.x, number.y)
    turn = (other - one) / (complex(*NUMBER_AT) - complex(*TITLE_AT))

    def at(x: float, y: float) -> tuple[float, float]:
        place = one + (complex(x, y) - complex(*TITLE_AT)) * turn
        return place.real, place.imag

    return at


def _height(line: Line) -> float:
    return line.y


def _plain(page: Page, line: Line) -> str:
    return page.read(line).text.replace(" ", "")


def _read(page: Page, lines: list[Line]) -> dict[str, Field]:
    """What stands between title and number, each by its own form."""
    fields: dict[str, Field] = {}
    for line in (line for row in rows_of(lines) for line in row):
        written = Written.on(page, [line])
        text = written.text
        if match := TERM.search(text):
            for name, start in (("valid_from", 1), ("valid_to", 4)):
                if day := iso_day(*match.group(start, start + 1, start + 2)):
                    part = written.part(match.start(start), match.end(start + 2))
                    fields[name] = part.field(day)
        elif match := BIRTH.search(text):
            if day := iso_day(*match.group(1, 2, 3)):
                fields["birth"] = written.part(*match.span()).field(day)
        elif match := LATIN.search(text):
            fields["surname"] = written.part(*match.span(1)).field()
            fields["given_names"] = written.part(*match.span(2)).field()
        elif match := AUTHORITY.search(text):
            fields["authority"] = written.part(*match.span()).field()
        elif (match := SEX.search(text)) and len(text) <= 3:
            fields["sex"] = written.part(*match.span()).field({"男": "M", "女": "F"}[match[0]])
        elif "name" not in fields and CHINESE.match(text) and not CAPTION.search(text):
            fields["name"] = written.field()
    return fields


class TaiwanPermit(HomeReturnPermit):
    """The same for residents of Taiwan."""

    document = "prc_taiwan_permit"
    sides = (
        Side(
            "prc_taiwan_permit",
            "Mainland Travel Permit for Taiwan Residents",
            "台湾居民来往大陆通行证",
            HomeReturnPermit.sides[0].fields,
        ),
    )
    rank = 41
    title = re.compile("台湾居民来往大陆|来往大陆通行证")
    digits = re.compile(r"(?<![A-Z\d.-])(\d{8})(\d{2})?$")


KINDS = (HomeReturnPermit(), TaiwanPermit())
