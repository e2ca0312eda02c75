"""What do the rows above the number of a Chinese resident identity card say?

Rows are told apart by what they hold: the birth date, above it sex and nation, above these the
name, and the address below. Whatever is left behind is a doubt.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from veridical.ocr.chinese import DOTS, is_chinese, simplified_forms
from veridical.ocr.document import Field
from veridical.ocr.ink import Claims
from veridical.ocr.written import Written
from veridical.types import Box

__all__ = [
    "NATIONS",
    "OTHER_NATIONS",
    "STRANGE_IN_ADDRESS",
    "Row",
    "name_of",
    "read_rows",
    "together",
]

TABLES = Path(__file__).parent / "tables"
NATIONS = tuple((TABLES / "nations.txt").read_text(encoding="utf-8").split())
"""The 56 nations of China as the card prints them (GB/T 3304)."""
OTHER_NATIONS = ("穿青人", "革家人", "夏尔巴人", "僜人", "其他", "外国血统")
"""What cards print for those who belong to none of the 56 (GB/T 3304: 97 and 98, and the groups
that are named on cards by leave of a province)."""

NOT_A_NAME = re.compile(r"[^㐀-鿿\U00020000-\U0003ffff·]")
STRANGE_IN_ADDRESS = re.compile(r"[^㐀-鿿\U00020000-\U0003ffff·0-9A-Za-z()#\-―—、.&+~:/]")
NAME_INK, NAME_HOLE = 0.3, 0.4
ADDRESS_INK, ADDRESS_HOLE = 0.2, 0.25
"""Ink and hole up to which nothing was lost: of 155 rows of addresses read right on own drawings
one in a hundred left 0.11 of ink and none a hole of 0.1; of those from which the last character was
taken 99 in a hundred left 0.13 and more. Names are shorter and set wider; a dot that was lost
leaves a hole of 0.7."""
GLARE_BEHIND = 0.4
ROW_SHORT, ROW_PITCH = 0.055, 0.035
"""How much shorter than the widest a row of the address may be that goes on, and what a character
takes, in card widths."""
CAPTION_STARTS = 0.12
"""Left end of a row, in card widths, up to which its caption was found together with its value."""
NAME_ABOVE, NEAR_ABOVE = 0.15, 0.19
"""How far above the row of the sex a row may be part of the name, and how far it is of the card, in
card widths: the first of two rows stands 0.11 above, and more seen from a side."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a card.

    Attributes:
        written: What it says.
        start: Its left end from the card's left edge, in card widths.
        end: Its right end.
        above: Its middle's distance above the number, in card widths.
        claims: What the characters of each of its lines leave over.
        twin: Whether a character of it may be one that the recogniser does not know.
    """

    written: Written
    start: float
    end: float
    above: float
    claims: tuple[Claims, ...] = ()
    twin: bool = False

    def lost(self, ink: float, hole: float) -> bool:
        """Whether a character may have been lost: more ink or a wider hole is left than given."""
        return any(one.ink > ink or one.hole > hole for one in self.claims)

    @property
    def ends_in_glare(self) -> bool:
        """Whether a character may be burnt out behind its last one."""
        return bool(self.claims) and self.claims[-1].glare > GLARE_BEHIND

    @property
    def text(self) -> str:
        """Its characters."""
        return self.written.text

    def without_caption(self, caption: str) -> Written:
        """What stands behind the caption, if the row begins where captions do.

        One that begins there with something else has a misread caption, and is doubted.
        """
        match = re.match(caption, self.text)
        if match is None:
            return replace(self.written, doubted=self.start < CAPTION_STARTS and bool(self.text))
        return self.written.part(match.end())


def read_rows(read: Sequence[Row]) -> dict[str, Field]:
    """Name, sex, nation, birth and address from the rows above the number, top to bottom."""
    texts = [row.text for row in read]
    birth_row = _first(texts, r"\d{4}年?\d|出生|\d月|月\d")
    sex_row = _first(texts[:birth_row], r"性别|民族|别[男女]|^[男女]")
    fields: dict[str, Field] = {}
    if birth_row is not None:
        fields |= _birth_in(read[birth_row].written)
    if sex_row is not None:
        fields |= _sex_and_nation_in(read[sex_row].written)
    below = sex_row if sex_row is not None else (birth_row or 2) - 1
    last = (birth_row if birth_row is not None else 2) + 1
    over = read[below].above if below < len(read) else float("inf")
    names = [row for row in read[:below] if row.above - over < NAME_ABOVE]
    near = [row for row in read[:below] if row.above - over < NEAR_ABOVE]
    found = {"name": _name_in(names), "address": _address_in(read[last:])}
    between = birth_row is not None and sex_row is not None and birth_row - sex_row > 1
    # A row that was read and not used may be half of a value above or below it.
    unused = {"name": len(names) < len(near), "address": between}
    for name, field in found.items():
        if field is not None:
            fields[name] = replace(field, weakest=0.0) if unused[name] else field
    return fields


def _birth_in(row: Written) -> dict[str, Field]:
    """The birth date in its row; the number confirms it."""
    text = re.sub(r"[^\d年月日]", "", row.text)
    match = re.search(r"(\d{4})年?(\d{1,2})月(\d{1,2})", text)
    if match is None:
        return {}
    year, month, day = (int(part) for part in match.groups())
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return {}
    return {"birth": row.field(f"{year}-{month:02}-{day:02}", guarded=True)}


def _sex_and_nation_in(row: Written) -> dict[str, Field]:
    """Sex and nation in the row they share."""
    fields: dict[str, Field] = {}
    if match := re.search(r"[男女]", row.text):
        fields["sex"] = row.part(*match.span()).field()
    if span := _nation(row.text):
        nation = row.part(*span)
        rest = row.text[span[1] :]
        # What follows the nation belongs to it, or a nation of more characters was misread.
        fields["nation"] = replace(nation, doubted=any(map(is_chinese, rest))).field()
    return fields


def _name_in(rows: Sequence[Row]) -> Field | None:
    """The name, which takes two rows when it is long; whatever else stands there is a doubt."""
    parts = [
        row.without_caption(r".{0,2}名|姓" if row.start < CAPTION_STARTS else "姓?名")
        for row in rows
    ]
    parts = [one for one in parts if one.text]
    name = together(parts)
    if name is None:
        return None
    cut = any(row.lost(NAME_INK, NAME_HOLE) for row in rows)
    cut |= any(row.ends_in_glare for row in rows)
    cut |= any(row.twin for row in rows)
    # Only names of parts take two rows, and a dot at the end of a row is easily lost.
    cut |= len(parts) > 1 and not any(dot in name.text for dot in ("·", *DOTS))
    return name_of(replace(name, doubted=name.doubted or cut))


def name_of(name: Written) -> Field | None:
    """A name as documents of the mainland print it; what cannot be one is a doubt."""
    name = name.folded(DOTS, doubted=False).folded(simplified_forms())
    name = name.only(lambda character: NOT_A_NAME.match(character) is None)
    if not name.text:
        return None
    cut = len(name.text) == 1 or name.text[0] == "·" or name.text[-1] == "·"
    return replace(name, doubted=name.doubted or cut).field()


def _address_in(rows: Sequence[Row]) -> Field | None:
    """The address in the last rows; each but the last goes on to the same right end."""
    # What stands before the first Chinese character is a caption that was misread.
    parts = [
        row.without_caption("[^㐀-鿿]*(住址|住|址)" if row.start < CAPTION_STARTS else "住?址")
        for row in rows
    ]
    address = together([one for one in parts if one.text])
    if address is None:
        return None
    address = address.folded(simplified_forms())
    if not address.text:
        return None
    strange = any(row.lost(ADDRESS_INK, ADDRESS_HOLE) for row in rows)
    # Every row but the last goes on until the next character does not fit.
    widest = max(row.end for row in rows)
    strange |= any(widest - row.end > ROW_SHORT for row in rows[:-1])
    strange |= rows[-1].ends_in_glare and widest - rows[-1].end > ROW_PITCH
    strange |= any(STRANGE_IN_ADDRESS.match(character) for character in address.text)
    return replace(address, doubted=address.doubted or strange).field()


def together(parts: Sequence[Written]) -> Written | None:
    """Some rows as one text."""
    if not parts:
        return None
    boxes = [one.box for one in parts]
    return Written(
        "".join(one.text for one in parts),
        tuple(score for one in parts for score in one.scores),
        float(np.mean([one.score for one in parts])),
        Box(
            min(box.left for box in boxes),
            min(box.top for box in boxes),
            max(box.right for box in boxes),
            max(box.bottom for box in boxes),
        ),
        any(one.doubted for one in parts),
        tuple(change for one in parts for change in one.changes),
    )


def _nation(text: str) -> tuple[int, int] | None:
    """Where the nation stands in its row: after the caption, or in what is left of it."""
    caption = re.search(r"^.*(民族|族)", text) if "族" in text else re.match(r".*?[男女]民?", text)
    start = caption.end() if caption else 0
    for nation in sorted((*NATIONS, *OTHER_NATIONS), key=lambda nation: -len(nation)):
        if text.startswith(nation, start):
            return start, start + len(nation)
    return None


def _first(texts: list[str], pattern: str) -> int | None:
    """Index of the first text in which a pattern occurs."""
    return next((i for i, text in enumerate(texts) if re.search(pattern, text)), None)
