"""Where on a page is a machine-readable zone, and what do its lines say?"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from veridical.ocr.geometry import Quad
from veridical.ocr.mrz import Mrz, kind_of, line_length, parse_mrz
from veridical.ocr.ocrb import OcrbLine, OcrbRecogniser
from veridical.ocr.page import Line, Page

__all__ = ["Zone", "read_zone"]

LINE_ASPECT = 8.0
"""Length over height from which a line may belong to a zone; detectors draw loose boxes."""
ZONES_TRIED = 3
SHORTEST_SHARE = 0.35
"""Length of a line over that of its neighbour; names are shorter than numbers."""
SHORTEST_PART, SHORTEST_LINE, LONGEST_LINE = 14, 28, 45
"""Characters of a zone that is still worth extending, and to which length."""
OCR_PITCH_MM = 2.54
PAGES = {
    "td1": (85.6, 54.0, 6.0),
    "td2": (105.0, 74.0, 9.0),
    "td3": (125.0, 88.0, 9.0),
    "mrva": (120.0, 80.0, 9.0),
    "mrvb": (105.0, 74.0, 9.0),
}
"""Width, height, and from the last line's middle to the lower edge, in mm (ICAO Doc 9303)."""


@dataclass(frozen=True, slots=True, eq=False)
class Zone:
    """A machine-readable zone on a page.

    Attributes:
        mrz: What it says.
        lines: Where its lines are.
    """

    mrz: Mrz
    lines: tuple[Line, ...]

    def outline(self, page: Page) -> Quad:
        """Where the format puts the document's corners, in the picture; only roughly."""
        first, last = self.lines[0], self.lines[-1]
        along = max(line.width for line in self.lines)
        wide, high, bottom = PAGES[self.mrz.kind]
        mm = along / (OCR_PITCH_MM * len(self.mrz.lines[0]) + 2)
        left = (first.left + last.left) / 2 - (wide * mm - along) / 2
        slope = (first.slope + last.slope) / 2

        def at(x: float, y: float) -> tuple[float, float]:
            dx, dy = left + x - last.left, y
            return last.left + dx - slope * dy, last.y - slope * last.width / 2 + dy + slope * dx

        top, low = (bottom - high) * mm, bottom * mm
        return page.to_picture([at(0, top), at(wide * mm, top), at(wide * mm, low), at(0, low)])

    @property
    def agreement(self) -> float:
        """How much of the reading supports itself."""
        mrz = self.mrz
        return sum(mrz.checks.values()) / len(mrz.checks) * 4 + float(np.mean(mrz.scores))

    @property
    def certain(self) -> bool:
        """Whether this can be nothing but a zone, even if a check digit fails.

        A line of fillers passes check digits by itself; other print never has two dates where a
        zone has them.
        """
        fields = self.mrz.fields
        dated = "birth" in fields and "expiry" in fields and fields["document_number"] != ""
        return dated and (sum(self.mrz.checks.values()) >= 2 or min(self.mrz.scores) > 0.9)

    @property
    def complete(self) -> bool:
        """Whether there is nothing to gain from looking again."""
        return self.certain and all(self.mrz.checks.values()) and min(self.mrz.scores) > 0.8


def read_zone(page: Page, recogniser: OcrbRecogniser, today: date) -> Zone | None:
    """Find and read the zone of a page, or None when there is none."""
    best: Zone | None = None
    for lines in _candidates(page)[:ZONES_TRIED]:
        whole = _evened(page, lines)
        seen = [recogniser(page.image, line.quad) for line in whole]
        longest = max(len(line.read().text) for line in seen)
        if SHORTEST_PART <= longest < SHORTEST_LINE:
            # The detector lost the fillers at the end of every line.
            whole = _evened(page, lines, LONGEST_LINE / longest)
            seen = [recogniser(page.image, line.quad) for line in whole]
        zone = _read(whole, seen, today)
        if zone is not None and (best is None or zone.agreement > best.agreement):
            best = zone
            if best.complete:
                break
    return best


def _read(lines: Sequence[Line], seen: Sequence[OcrbLine], today: date) -> Zone | None:
    """Make sense of some lines: the format first, then each line at the format's length."""
    readings = [line.read() for line in seen]
    length = line_length(kind_of(readings))
    readings = [
        line.read_exactly(length) if len(reading.text) != length else reading
        for line, reading in zip(seen, readings, strict=True)
    ]
    mrz = parse_mrz(readings, today)
    return None if mrz is None else Zone(mrz, tuple(lines))


def _candidates(page: Page) -> list[tuple[Line, ...]]:
    """Stacks of two or three long lines of one width, the widest first."""
    long = [line for line in page.lines if line.width > LINE_ASPECT * line.height]
    long.sort(key=lambda line: line.y)
    stacks: list[tuple[Line, ...]] = []
    for first in long:
        stack = [first]
        for line in long:
            if line is not stack[-1] and _follows(stack[-1], line):
                stack.append(line)
        stacks += [tuple(stack[:count]) for count in (3, 2) if len(stack) >= count]
    return sorted(stacks, key=lambda stack: -len(stack) - 10 * max(line.width for line in stack))


def _follows(upper: Line, lower: Line) -> bool:
    """Whether a line stands right below another and starts where it does."""
    height = (upper.height + lower.height) / 2
    slope = (upper.slope * upper.width + lower.slope * lower.width) / (upper.width + lower.width)
    down = lower.y - upper.y - slope * (lower.x - upper.x)
    indent = lower.left - upper.left - slope * down
    longer, shorter = max(upper.width, lower.width), min(upper.width, lower.width)
    return 0.5 * height < down < 3.5 * height and (
        abs(indent) < 0.08 * longer and shorter > SHORTEST_SHARE * longer
    )


def _evened(page: Page, lines: Sequence[Line], stretch: float = 1.0) -> list[Line]:
    """Draw every line as long as the longest, on its slope: fillers at the ends get lost.

    Args:
        page: Their page.
        lines: The lines.
        stretch: Factor on the length, to the right.
    """
    longest = max(lines, key=lambda line: line.width)
    left = min(line.left for line in lines)
    right = left + (max(line.right for line in lines) - left) * stretch
    height = float(np.median([line.height for line in lines]))
    slope = longest.slope
    return [
        page.strip(left, right, line.y + slope * ((left + right) / 2 - line.x), height, slope)
        for line in lines
    ]
