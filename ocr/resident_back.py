"""What does the back of a Chinese resident identity card say?

Two rows matter: the issuing authority and, below it, the term of validity. The term is found by
its dates; the rest follows from where it stands.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np

from veridical.ocr.document import Field
from veridical.ocr.geometry import Quad, bounds
from veridical.ocr.page import Line, Page, rows_of
from veridical.ocr.validate import LONG_TERM

__all__ = ["Back", "read_back"]

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


@dataclass(frozen=True, slots=True, eq=False)
class Back:
    """The back of a card, as read.

    Attributes:
        fields: Values by name.
        quad: Where the layout puts the card's corners, in the picture; only roughly.
        texts: Words outside the fields.
        weakest_box: The detector's lowest score of a line that was read.
    """

    fields: Mapping[str, Field]
    quad: Quad
    texts: tuple[str, ...]
    weakest_box: float

    @property
    def agreement(self) -> int:
        """How much was read."""
        return len(self.fields)

    @property
    def complete(self) -> bool:
        """Whether there is nothing to gain from looking again."""
        return len(self.fields) == 3 and self.weakest_box >= 0.6


def read_back(page: Page) -> Back | None:
    """Read the back of a card, or None when there is no term of validity on the page."""
    rows = rows_of(page.lines)
    for place in range(len(rows) - 1, max(-1, len(rows) - 1 - ROWS_TRIED), -1):
        match = TERM.search(_joined(page, rows[place]))
        if match:
            break
    else:
        return None
    term = rows[place]
    fields: dict[str, Field] = {}
    starts = _day(*match.group(1, 2, 3))
    ends = LONG_TERM if match[7] else _day(*match.group(4, 5, 6))
    if starts:
        fields["valid_from"] = _field(page, term, starts)
    if ends:
        fields["valid_to"] = _field(page, term, ends)
    height = max(line.height for line in term)
    used = list(term)
    above = rows[place - 1] if place else []
    if above and 0 < term[0].y - above[0].y < 4 * height:
        authority = re.sub(r"[^㐀-鿿]", "", CAPTION.sub("", _joined(page, above)))
        if len(authority) >= 4:
            fields["authority"] = _field(page, above, authority)
            used += above
    step = (term[0].y - above[0].y) / ROW_STEP if "authority" in fields else 20 * height
    anchor = term[0]

    def at(x: float, y: float) -> tuple[float, float]:
        dx, dy = (x - CAPTION_LEFT) * step, (y - TERM_Y) * step
        return anchor.left + dx - anchor.slope * dy, anchor.y + dy + anchor.slope * dx

    others = [line for row in rows[: max(0, place - 1)] for line in row]
    return Back(
        fields=fields,
        quad=page.to_picture([at(0, 0), at(1, 0), at(1, HEIGHT), at(0, HEIGHT)]),
        texts=tuple(page.read(line).text for line in others[:6]),
        weakest_box=min(line.score for line in used),
    )


def _joined(page: Page, row: list[Line]) -> str:
    """The text of a row without spaces."""
    return "".join(page.read(line).text for line in row).replace(" ", "")


def _day(year: str, month: str, day: str) -> str | None:
    """A date in ISO form, or None when there is no such day."""
    try:
        return date(int(year), int(month), int(day)).isoformat()
    except ValueError:
        return None


def _field(page: Page, lines: list[Line], value: str) -> Field:
    """A value as read from some lines."""
    scores = [page.read(line).score for line in lines]
    return Field(
        value, float(np.mean(scores)), bounds(np.concatenate([line.quad for line in lines]))
    )
