"""What does the back of a Chinese resident identity card say?

Two rows matter: the issuing authority and, below it, the term of validity. The term is found by
its dates; the rest follows from where it stands.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from veridical.ocr.chinese import is_chinese, simplified_forms
from veridical.ocr.dates import LONG_TERM, iso_day
from veridical.ocr.document import Field, unsure_fields
from veridical.ocr.geometry import Quad
from veridical.ocr.page import Line, Page, rows_of
from veridical.ocr.written import Written

__all__ = ["Back", "joined", "read_back", "read_issue"]

TERM = re.compile(
    r"([12]\d{3})\D{0,2}(\d{2})\D{0,2}(\d{2})\D{0,3}(?:([12]\d{3})\D{0,2}(\d{2})\D{0,2}(\d{2})|(长期))"
)
CAPTION = re.compile(r"^.{0,3}(机关|期限|關|关)")
CAPTION_LEFT = 0.21
"""Left end of the captions from the card's left edge, in card widths."""
TERM_Y = 0.543
"""Middle of the term from the card's top edge, in card widths."""
ROW_STEP = 0.082
"""From the authority's row to the term's, in card widths."""
HEIGHT = 54.0 / 85.6
ROWS_TRIED = 4
LONGEST_ASPECT = 24.0
"""Length over height up to which a line may hold a term."""
TEMPORARY = re.compile("临时|时居民")
TITLE_WIDTH, TITLE_Y = 0.73, 0.34
"""Width of a temporary card's title and its middle from the top edge, in card widths; roughly."""
TITLE_ASPECT = (5.0, 14.0)
"""Length over height from which to which a line may be that title."""
TITLES_TRIED = 2


@dataclass(frozen=True, slots=True, eq=False)
class Back:
    """The back of a card, as read.

    Attributes:
        fields: Values by name.
        quad: Where the layout puts the card's corners, in the picture; only roughly.
        texts: Words outside the fields.
        weakest_box: The detector's lowest score of a line that was read.
        layout: As in `Front`.
        below: Rows below the term.
        wanted: How many fields it should have.
    """

    fields: Mapping[str, Field]
    quad: Quad
    texts: tuple[str, ...]
    weakest_box: float
    layout: str = "resident"
    below: Sequence[Sequence[Line]] = ()
    wanted: int = 3

    @property
    def agreement(self) -> int:
        """How much was read."""
        return len(self.fields)

    @property
    def complete(self) -> bool:
        """Whether there is nothing to gain from looking again."""
        whole = len(self.fields) == self.wanted or self.layout == "temporary"
        return whole and self.weakest_box >= 0.6 and not unsure_fields(self.fields)


def read_back(page: Page) -> Back | None:
    """Read the back of a card, or None when there is neither a term nor a temporary title."""
    rows = rows_of(page.lines)
    for place in range(len(rows) - 1, max(-1, len(rows) - 1 - ROWS_TRIED), -1):
        if any(line.width > LONGEST_ASPECT * line.height for line in rows[place]):
            continue  # a line of a zone: dear to read, and no term
        term = _read_term(page, rows[place])
        if term is not None:
            break
    else:
        return _read_title(page)
    anchor = rows[place][0]
    used = list(rows[place])
    height = max(line.height for line in used)
    fields, step, others, scripts = dict(term), 20 * height, rows[: max(0, place - 1)], 0
    # A row in a second script may stand between the term and the authority.
    for row_number in range(place - 1, max(-1, place - 4), -1):
        row = rows[row_number]
        if not 0 < anchor.y - row[0].y < 4 * height:
            break
        authority = _read_authority(page, row)
        if authority is not None:
            fields["authority"] = authority
            used += row
            step = (anchor.y - row[0].y) / ROW_STEP
            others = rows[:row_number]
            break
        scripts += 1

    def at(x: float, y: float) -> tuple[float, float]:
        dx, dy = (x - CAPTION_LEFT) * step, (y - TERM_Y) * step
        return anchor.left + dx - anchor.slope * dy, anchor.y + dy + anchor.slope * dx

    return Back(
        fields=fields,
        quad=page.to_picture([at(0, 0), at(1, 0), at(1, HEIGHT), at(0, HEIGHT)]),
        texts=tuple(page.read(line).text for row in others for line in row[:2])[:6],
        weakest_box=min(line.score for line in used),
        layout="second_script" if scripts else "resident",
        below=rows[place + 1 :],
    )


def read_issue(page: Page, rows: list[list[Line]]) -> dict[str, Field]:
    """Authority and term below the number of a temporary card; empty when no term stands there."""
    fields: dict[str, Field] = {}
    for row in rows[:4]:
        term = _read_term(page, row)
        if term is not None:
            return fields | term
        authority = _read_authority(page, row)
        if authority is not None:
            fields["authority"] = authority
    return {}


def _read_title(page: Page) -> Back | None:
    """The side of a temporary card that bears its title, and nothing else."""
    for line in sorted(page.lines, key=lambda line: -line.height)[:TITLES_TRIED]:
        if not TITLE_ASPECT[0] < line.width / max(line.height, 1) < TITLE_ASPECT[1]:
            continue
        text = page.read(line).text.replace(" ", "")
        if TEMPORARY.search(text):
            width = line.width / TITLE_WIDTH

            def at(
                x: float, y: float, line: Line = line, width: float = width
            ) -> tuple[float, float]:
                dx, dy = (x - 0.5) * width, (y - TITLE_Y) * width
                return line.x + dx - line.slope * dy, line.y + dy + line.slope * dx

            quad = page.to_picture([at(0, 0), at(1, 0), at(1, HEIGHT), at(0, HEIGHT)])
            return Back({}, quad, (text,), line.score, "temporary")
    return None


def _read_term(page: Page, row: list[Line]) -> dict[str, Field] | None:
    """First and last day in a row, or None when it holds no term."""
    written = Written.on(page, row)
    match = TERM.search(written.text)
    if match is None:
        return None
    starts = iso_day(*match.group(1, 2, 3))
    ends = LONG_TERM if match[7] else iso_day(*match.group(4, 5, 6))
    last = match.span(7) if match[7] else (match.start(4), match.end(6))
    found = {
        "valid_from": (starts, written.part(match.start(1), match.end(3))),
        "valid_to": (ends, written.part(*last)),
    }
    return {name: part.field(day) for name, (day, part) in found.items() if day}


def _read_authority(page: Page, row: list[Line]) -> Field | None:
    """The issuing authority in a row, or None when it holds none."""
    written = Written.on(page, row)
    caption = CAPTION.match(written.text)
    text = written.part(caption.end() if caption else 0)
    authority = text.folded(simplified_forms()).only(is_chinese)
    # Another script, misread, has a Chinese character here and there.
    if len(authority.text) < 4 or 2 * len(authority.text) < len(text.text):
        return None
    # Every issuing authority is one of public security.
    whole = "公安" in authority.text and authority.text.endswith(("局", "厅", "部"))
    return replace(authority, doubted=authority.doubted or not whole).field()


def joined(page: Page, row: Iterable[Line]) -> str:
    """The text of a row without spaces."""
    return "".join(page.read(line).text for line in row).replace(" ", "")
