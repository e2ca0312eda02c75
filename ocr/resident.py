"""What does a Chinese resident identity card say?

The layout is the standard's (GA 448): captions in a narrow column on the left, values beside them,
the portrait on the right, the number across the bottom. Everything is measured against the number:
it is the longest line, the one with a check character, and tells the card's place and size.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as dataclass_field

import numpy as np

from veridical.ocr.chinese import has_twin, is_chinese
from veridical.ocr.document import SURE_CHARACTER, Field, Source, unsure_fields
from veridical.ocr.geometry import Quad, bounds
from veridical.ocr.ink import Claims, claims_of, upper_stroke_longer
from veridical.ocr.number import (
    NUMBER_LENGTH,
    birth_of,
    is_consistent,
    is_resident_elsewhere,
    mend,
    sex_of,
)
from veridical.ocr.ocrb import OcrbRecogniser
from veridical.ocr.page import Line, Page, rows_of
from veridical.ocr.resident_back import joined, read_issue
from veridical.ocr.resident_rows import Row, read_rows
from veridical.ocr.text import Reading
from veridical.ocr.written import Written

__all__ = [
    "NUMBER_ASPECT",
    "Front",
    "find_number",
    "read_front",
    "read_front_without_number",
    "read_twice",
]

# Parts of the card's width, measured from its left edge.
NUMBER_LEFT = 0.345
NUMBER_WIDTH = 0.61
CAPTIONS_END = 0.165
PORTRAIT_LEFT = 0.615
NUMBER_Y = 0.555
"""Middle of the number from the card's top edge, in card widths."""
HEIGHT = 54.0 / 85.6
"""Height of an ID-1 card over its width (ISO/IEC 7810)."""
PORTRAIT = (0.615, 0.07, 0.965, 0.465)
"""Left, top, right, bottom of the portrait with its margin, in card widths."""
BIRTH_Y, BIRTH_LEFT, BIRTH_VALUE_LEFT, BIRTH_RIGHT = 0.259, 0.058, 0.178, 0.518
"""The row of the birth date: its middle, the left end of its caption and of its value, its end."""
BIRTH_ROW = re.compile(r"\d{4}年\d{1,2}月\d{1,2}日")
BIRTH_ASPECT = (4.0, 20.0)
"""Length over height from which to which a row may hold the birth date."""
NUMBER_HEIGHT = 0.05
ROOM, SPARE = 1.2, 0.1
"""How far behind a line its lost characters are sought, and how much of that stays free before the
next one, in heights."""
PLACES: Mapping[str, tuple[float, float, float, float]] = {
    "name": (0.17, 0.07, 0.40, 0.13),
    "sex": (0.17, 0.155, 0.24, 0.21),
    "nation": (0.38, 0.155, 0.55, 0.21),
    "birth": (0.17, 0.23, 0.55, 0.29),
    "address": (0.17, 0.31, 0.60, 0.48),
    "number": (0.345, 0.525, 0.955, 0.585),
}
"""Left, top, right, bottom of each field, in card widths."""
FIELDS = ("name", "sex", "nation", "birth", "address", "number")
CLEAR_BOX = 0.65
"""A box the detector is less sure of may be half a line."""
SURE_NUMBER = 0.9
"""Mean probability from which the small net is believed: one pair of misread digits in eleven would
pass the check character."""
FEWEST_DIGITS = 8
"""Digits the small net must see on a line before the general recogniser is asked for a number."""
NUMBER_ASPECT = 6.0
"""Length over height from which a line may be the number."""
TEMPORARY_NUMBER_Y = 0.435
"""As `NUMBER_Y`, on a temporary card, where two more rows stand below the number."""
TEMPORARY_PORTRAIT = (0.645, 0.04, 0.965, 0.39)
BELOW = (0.03, 0.20)
"""How far below the number the two rows of a temporary card stand, in card widths."""
SECOND_SCRIPT_ROWS = 2
"""Rows without Chinese from which a card counts as one with a second script."""
LEAST_ROW = 0.022
"""Height of the lowest row there is, in card widths: what is lower is a speck."""
ROW_PITCH, PROBED = 0.0526, 0.1
"""From one row of the address to the next, and how much of a row's start is looked at for one that
the detector missed, in card widths."""
SURE_AT_ONCE, OTHER_HEIGHTS = 0.93, (0.9, 1.12)
"""Probability from which a character is not read again, and the heights of the other crops over
that of the line."""
CLEARLY_READ = 0.9
"""Probability from which a character there is none of the paper's pattern."""
SMALL_ROW, UNSURE_ROW = 0.8, 0.8
"""A row lower than this share of the others and read with less than this probability is none of
Chinese: those were read with 0.98 and more, other scripts, taken for Chinese, with 0.72 at most."""
BODY_ABOVE, BODY_TOP = 0.038, NUMBER_Y + 0.15
"""From which to which distance above the number a row belongs to the card's text, in its widths;
the fourth row of an address stands 0.06 above, and seen from a side the name 0.6."""


@dataclass(frozen=True, slots=True, eq=False)
class Front:
    """The front of a card, as read.

    Attributes:
        fields: Values by name.
        quad: Where the layout puts the card's corners, in the picture.
        portrait: Where the layout puts the portrait, in the picture.
        texts: Words outside the fields.
        weakest_box: The detector's lowest score of a line that was read.
        layout: `resident`, `temporary` (authority and term stand below the number), or
            `second_script` (rows in another script beside the Chinese ones).
        places: Where the layout puts each field, in the picture, read or not.
    """

    fields: Mapping[str, Field]
    quad: Quad
    portrait: Quad
    texts: tuple[str, ...]
    weakest_box: float
    layout: str = "resident"
    places: Mapping[str, Quad] = dataclass_field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether there is nothing to gain from looking again."""
        number = self.fields.get("number")
        elsewhere = number is not None and is_resident_elsewhere(number.value)
        wanted = [name for name in FIELDS if name != "nation" or not elsewhere]
        return (
            number is not None
            and is_consistent(number.value)
            and all(name in self.fields and self.fields[name].box for name in wanted)
            and self.weakest_box >= CLEAR_BOX
            and not unsure_fields(self.fields)
        )

    @property
    def agreement(self) -> int:
        """How much of the reading supports itself: the more, the better the reading."""
        number, birth, sex = (self.fields.get(name) for name in ("number", "birth", "sex"))
        points = sum(found.source is not Source.DERIVED for found in self.fields.values())
        points -= len(unsure_fields(self.fields))
        if number is None or not is_consistent(number.value):
            return points
        points += 2
        points += bool(birth and birth.value == birth_of(number.value))
        return points + bool(sex and sex.value == sex_of(number.value))


def read_front(page: Page, ocrb: OcrbRecogniser | None = None) -> Front | None:
    """Read the front of a card.

    Args:
        page: The page.
        ocrb: Reads the number in a twentieth of the time the general recogniser takes, which is
            then asked only when the number is not consistent.

    Returns:
        What it says, or None when there is no citizen number on the page.
    """
    found = _find_number(page, ocrb)
    return None if found is None else _read_around(page, *found)


def read_front_without_number(page: Page) -> Front | None:
    """Read the front of a card whose number cannot be read, as under glare.

    The row of the birth date then tells where the card lies; the rows of its shape are read for it.

    Args:
        page: The page.

    Returns:
        What it says, without a number, or None when no row holds a birth date as the card prints
        it below one with sex or nation.
    """
    rows = rows_of(page.lines)
    for row, above in zip(rows[1:], rows, strict=False):
        first, last = row[0], row[-1]
        aspect = (last.right - first.left) / max(first.height, 1)
        if not BIRTH_ASPECT[0] < aspect < BIRTH_ASPECT[1]:
            continue
        text = joined(page, row)
        if not BIRTH_ROW.search(text) or not re.search("性别|民族|[男女]", joined(page, above)):
            continue
        captioned = re.match("出|生", text) is not None
        left, right = BIRTH_LEFT if captioned else BIRTH_VALUE_LEFT, BIRTH_RIGHT
        width = (last.right - first.left) / (right - left)
        slope = (last.y - first.y) / max(last.x - first.x, 1) if len(row) > 1 else first.slope
        middle = first.left + (NUMBER_LEFT + NUMBER_WIDTH / 2 - left) * width
        down = (NUMBER_Y - BIRTH_Y) * width
        anchor = page.strip(
            middle - NUMBER_WIDTH / 2 * width - slope * down,
            middle + NUMBER_WIDTH / 2 * width - slope * down,
            first.y + slope * (middle - first.x) + down,
            NUMBER_HEIGHT * width,
            slope,
        )
        return _read_around(page, anchor, None)
    return None


def _read_around(page: Page, anchor: Line, number: Field | None) -> Front:
    """Everything else on a card, once it is known where its number stands.

    Args:
        page: The page.
        anchor: The place of the number.
        number: The number; None when it could not be read.
    """
    width = anchor.width / NUMBER_WIDTH
    left = anchor.left - NUMBER_LEFT * width

    def at(x: float, y: float) -> tuple[float, float]:
        """From card widths to the frame, along the number's own slope."""
        dx, dy = x * width - NUMBER_LEFT * width - anchor.width / 2, (y - NUMBER_Y) * width
        return anchor.x + dx - anchor.slope * dy, anchor.y + dy + anchor.slope * dx

    def shares(line: Line) -> tuple[float, float, float]:
        """Left and right end and the middle's distance above the number, in card widths."""
        above = anchor.y + anchor.slope * (line.x - anchor.x) - line.y
        shift = anchor.slope * above
        return (
            (line.left - left - shift) / width,
            (line.right - left - shift) / width,
            above / width,
        )

    body: list[Line] = []
    others: list[Line] = []
    below: list[Line] = []
    for line in page.lines:
        start, end, above = shares(line)
        if line is anchor or not -0.1 < start < 1.05 or not -BELOW[1] < above < BODY_TOP:
            continue
        if line.height < LEAST_ROW * width:
            continue
        if above > BODY_ABOVE and (start + end) / 2 < PORTRAIT_LEFT and end < PORTRAIT_LEFT + 0.12:
            body.append(line)
        elif start > 0.5 and above > 0.03:
            others.append(line)
        elif above < -BELOW[0] and start < PORTRAIT_LEFT:
            below.append(line)
    fields: dict[str, Field] = {} if number is None else {"number": number}
    rows = [
        [line for line in row if shares(line)[1] > CAPTIONS_END or len(row) == 1]
        for row in rows_of(body)
    ]
    rows = [row for row in rows if row]
    usual = float(np.percentile([row[0].height for row in rows], 75)) if rows else 0.0
    chinese = [row for row in rows if not _other_script(page, row, usual)]
    layout = "resident" if len(rows) - len(chinese) < SECOND_SCRIPT_ROWS else "second_script"
    fields |= read_rows([_row(page, row, shares) for row in chinese])
    dropped = layout == "resident" and len(chinese) < len(rows)
    if "address" in fields and (dropped or _row_missed(page, chinese[-1], rows[-1], anchor, width)):
        fields["address"] = replace(fields["address"], weakest=0.0)
    if number is not None and is_consistent(number.value):
        for name, value in (("birth", birth_of(number.value)), ("sex", sex_of(number.value))):
            if name not in fields and value:
                fields[name] = Field(value, number.score, None, Source.DERIVED)
    number_y, portrait = NUMBER_Y, PORTRAIT
    if below and (issued := read_issue(page, rows_of(below))):
        fields |= issued
        layout, number_y, portrait = "temporary", TEMPORARY_NUMBER_Y, TEMPORARY_PORTRAIT
    x0, y0, x1, y1 = portrait
    return Front(
        fields=fields,
        quad=page.to_picture(
            [at(x, y + NUMBER_Y - number_y) for x, y in ((0, 0), (1, 0), (1, HEIGHT), (0, HEIGHT))]
        ),
        portrait=page.to_picture(
            [at(x, y + NUMBER_Y - number_y) for x, y in ((x0, y0), (x1, y0), (x1, y1), (x0, y1))]
        ),
        texts=tuple(text for line in others[:4] if (text := page.read(line).text)),
        weakest_box=min((line.score for row in rows for line in row), default=0.0),
        layout=layout,
        places={
            name: page.to_picture([at(x0, y0), at(x1, y0), at(x1, y1), at(x0, y1)])
            for name, (x0, y0, x1, y1) in PLACES.items()
        },
    )


def _row(
    page: Page, lines: Sequence[Line], shares: Callable[[Line], tuple[float, float, float]]
) -> Row:
    """A row with its place on the card, and what its characters leave over."""
    places = [shares(line) for line in lines]
    claims: list[Claims] = []
    for line, (start, end, _) in zip(lines, places, strict=True):
        width = line.width / max(end - start, 1e-3)
        room = min(ROOM * line.height, (PORTRAIT_LEFT - end) * width)
        following = [o.left for o in page.lines if o.left > line.x and o.beside(line)]
        after = min([room, *(left - line.right - SPARE * line.height for left in following)])
        before = min(ROOM / 2 * line.height, (start - CAPTIONS_END) * width)
        begins = line.left + (CAPTIONS_END - start) * width
        room_left, room_right = max(before, 0.0), max(after, 0.0)
        claims.append(claims_of(page, line, page.read(line), room_left, room_right, begins))
    return Row(
        read_twice(page, lines),
        min(start for start, _, _ in places),
        max(end for _, end, _ in places),
        float(np.mean([above for _, _, above in places])),
        tuple(claims),
        any(_has_twin(page, line) for line in lines),
    )


def read_twice(page: Page, lines: Sequence[Line]) -> Written:
    """What some lines say; where a character is not sure they are read in two other crops too.

    A character that is believed says the same in all: rare ones that the recogniser takes for
    common ones, at .80 and more, do not.
    """
    written = Written.on(page, lines)
    if all(
        score >= SURE_AT_ONCE or not is_chinese(character)
        for character, score in zip(written.text, written.scores, strict=True)
    ):
        return written
    for height in OTHER_HEIGHTS:
        crops = [
            page.strip(line.left, line.right, line.y, height * line.height, line.slope)
            for line in lines
        ]
        again = Written.on(page, crops)
        if again.text != written.text:
            return replace(written, doubted=True)
        written = replace(written, scores=tuple(map(min, written.scores, again.scores)))
    return written


def _has_twin(page: Page, line: Line) -> bool:
    """Whether a character of a line may be another one; of 吉 its bars tell."""
    reading = page.read(line)
    return any(
        has_twin(character) and not (character == "吉" and upper_stroke_longer(page, line, centre))
        for character, centre in zip(reading.text, reading.centres, strict=True)
    )


def _row_missed(
    page: Page, last: list[Line], lowest: list[Line], anchor: Line, width: float
) -> bool:
    """Whether the address goes on below its last row, where the detector saw nothing.

    One or two characters of a last row are small: their place is read, and a box in which
    nothing could be read may be half of them.

    Args:
        page: The page.
        last: The last row that was read.
        lowest: The last row there is.
        anchor: The number.
        width: The card's width in pixels.
    """
    if lowest is not last:
        return not joined(page, lowest)
    line = max(last, key=lambda line: line.width)
    y = line.y + ROW_PITCH * width
    if anchor.y - y < 1.2 * line.height:
        return False
    left = line.left - line.slope * ROW_PITCH * width
    right = left + PROBED * width
    middle = y + line.slope * ((left + right) / 2 - line.x)
    probe = page.read(page.strip(left, right, middle, line.height, line.slope))
    return any(
        score >= CLEARLY_READ and (character.isdigit() or is_chinese(character))
        for character, score in zip(probe.text, probe.scores, strict=True)
    )


def _other_script(page: Page, row: list[Line], usual_px: float) -> bool:
    """Whether a row is in another script, of which the recogniser makes little, and that unsurely.

    Args:
        page: The page.
        row: The row.
        usual_px: Height of the card's Chinese rows; a second script is printed smaller.
    """
    text = joined(page, row)
    known = sum(character.isdigit() or "㐀" <= character <= "鿿" for character in text)
    widest = max(row, key=lambda line: line.width)
    score = page.read(widest).score
    small = widest.height < SMALL_ROW * usual_px
    return 2 * known < len(text) or not text or (small and score < UNSURE_ROW)


def find_number(page: Page, ocrb: OcrbRecogniser) -> tuple[Line, Field] | None:
    """The line with a consistent citizen number that the small net alone is sure of."""
    for line in _long_lines(page):
        found = _number_on(page, line, ocrb(page.image, line.quad).read())
        if found and _sure(found[1]):
            return found
    return None


def _sure(number: Field) -> bool:
    clear = number.weakest is not None and number.weakest >= SURE_CHARACTER
    return is_consistent(number.value) and number.score >= SURE_NUMBER and clear


def _long_lines(page: Page) -> list[Line]:
    """Lines that may hold a number; the lowest four, from below."""
    long = [line for line in page.lines if line.width > NUMBER_ASPECT * line.height]
    return sorted(long, key=lambda line: -line.y)[:4]


def _find_number(page: Page, ocrb: OcrbRecogniser | None) -> tuple[Line, Field] | None:
    """The line with the citizen number, cut to its digits; lowest long lines are tried first."""
    candidates = _long_lines(page)
    if ocrb is not None:
        digital = []
        for line in candidates:
            reading = ocrb(page.image, line.quad).read()
            found = _number_on(page, line, reading)
            if found and _sure(found[1]):
                return found
            if sum(character.isdigit() for character in reading.text) >= FEWEST_DIGITS:
                digital.append(line)
        candidates = digital
    best: tuple[Line, Field] | None = None
    for line in candidates:
        found = _number_on(page, line, page.read(line))
        if found and is_consistent(found[1].value):
            return found
        best = best or found
    return best


def _number_on(page: Page, line: Line, reading: Reading) -> tuple[Line, Field] | None:
    """The number in a reading of a line, with its share of the line."""
    found = _number_in(reading)
    if found is None:
        return None
    start, value, changes = found
    end = start + NUMBER_LENGTH
    # The detector may have taken the caption along: keep the digits' share of the line.
    pitch = (reading.centres[end - 1] - reading.centres[start]) / (NUMBER_LENGTH - 1)
    first = line.left + line.width * (reading.centres[start] - pitch / 2)
    last = line.left + line.width * (reading.centres[end - 1] + pitch / 2)
    middle = (first + last) / 2
    y = line.y + line.slope * (middle - line.x)
    digits = page.strip(first, last, y, line.height, line.slope)
    scores = reading.scores[start:end]
    source = Source.CORRECTED if changes else Source.READ
    box = bounds(digits.quad)
    return digits, Field(value, float(np.mean(scores)), box, source, changes, min(scores))


def _number_in(reading: Reading) -> tuple[int, str, tuple[str, ...]] | None:
    """Place, value and corrections of the number in a line; one that is consistent is preferred."""
    plain = "".join(c if c.isalnum() or c in "|×" else " " for c in reading.text)
    found: tuple[int, str, tuple[str, ...]] | None = None
    for start in range(len(plain) - NUMBER_LENGTH + 1):
        value, changes = mend(plain[start : start + NUMBER_LENGTH])
        if re.fullmatch(r"[0-9]{17}[0-9X]", value) and len(changes) <= 3:
            if is_consistent(value):
                return start, value, changes
            found = found or (start, value, changes)
    return found
