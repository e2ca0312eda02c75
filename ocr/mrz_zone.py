"""Where on a page is a machine-readable zone, and what do its lines say?"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from veridical.ocr.document import SURE_CHARACTER
from veridical.ocr.geometry import Quad
from veridical.ocr.mrz import Mrz, alphabets, kind_of, line_length, parse_mrz
from veridical.ocr.ocrb import OcrbLine, OcrbRecogniser, lean_of, sheared
from veridical.ocr.page import Line, Page, rows_of

__all__ = ["Zone", "read_zone"]

LINE_ASPECT, PART_ASPECT = 8.0, 4.0
"""Length over height from which a line may belong to a zone, and from which one beside it may: the
fillers at its end may be lost. Detectors draw loose boxes."""
WIDEST_GAP = 2.5
"""Between two parts of a line, in heights."""
ZONES_TRIED = 3
LEAST_SCORE = 0.6
"""Mean probability that two lines of a zone have, even oblique ones seen from a side (0.7 and
more); the lines of a card, taken for OCR-B, do not (0.56 at most)."""
SHORTEST_SHARE = 0.2
"""Length of a line over that of its neighbour; names are shorter than numbers."""
SHORTEST_PART, SHORTEST_LINE, LONGEST_LINE = 14, 28, 45
"""Characters of a zone that is still worth extending, and to which length."""
HIGHEST = 0.85
"""Height of a line over the distance to the next: boxes of small text overlap."""
OWN_SLOPE = 0.6
"""Share of the longest line's length from which a line's own slope is believed."""
LEAST_LEAN = 0.12
"""Lean, as a share of the height, from which a zone is read once more, set upright."""
OCR_PITCH_MM = 2.54
PAGES = {
    "td1": (85.6, 54.0, 6.0),
    "td2": (105.0, 74.0, 9.0),
    "td3": (125.0, 88.0, 9.0),
    "mrva": (120.0, 80.0, 9.0),
    "mrvb": (105.0, 74.0, 9.0),
    "fra_id": (105.0, 74.0, 9.0),
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
        agreeing = sum(mrz.checks.values()) / len(mrz.checks) * 4
        return agreeing + float(np.mean(mrz.scores)) + min(mrz.weakest.values())

    @property
    def certain(self) -> bool:
        """Whether this can be nothing but a zone, even if a check digit fails.

        A line of fillers passes check digits by itself; other print never has two dates where a
        zone has them.
        """
        dated = self.mrz.dated and self.mrz.fields["document_number"] != ""
        return dated and (sum(self.mrz.checks.values()) >= 2 or min(self.mrz.scores) > 0.9)

    @property
    def complete(self) -> bool:
        """Whether there is nothing to gain from looking again."""
        return (
            self.certain
            and all(self.mrz.checks.values())
            and min(self.mrz.scores) > 0.8
            and min(self.mrz.weakest.values()) >= SURE_CHARACTER
            and self.mrz.known_states
        )


def read_zone(page: Page, recogniser: OcrbRecogniser, today: date) -> Zone | None:
    """Find and read the zone of a page, or None when there is none."""
    best: Zone | None = None
    for lines in _candidates(page)[:ZONES_TRIED]:
        whole = _evened(page, lines)
        seen = [recogniser(page.image, line.quad) for line in whole]
        readings = [line.read() for line in seen]
        if sorted(reading.score for reading in readings)[-2] < LEAST_SCORE:
            continue
        longest = max(len(reading.text) for reading in readings)
        if SHORTEST_PART <= longest < SHORTEST_LINE:
            # The detector lost the fillers at the end of every line.
            whole = _evened(page, lines, LONGEST_LINE / longest)
            seen = [recogniser(page.image, line.quad) for line in whole]
        zone = _read(whole, seen, today)
        if zone is None or not zone.complete:
            zone = _better(zone, _read_leaning(page, whole, recogniser, today))
        best = _better(best, zone)
        if best is not None and best.complete:
            break
    return best


def _better(one: Zone | None, other: Zone | None) -> Zone | None:
    """The one that supports itself better; the first when both do alike."""
    if one is None or other is None:
        return one or other
    return other if other.agreement > one.agreement else one


def _read_leaning(
    page: Page, lines: Sequence[Line], recogniser: OcrbRecogniser, today: date
) -> Zone | None:
    """Read lines whose characters lean, as in oblique print or seen from a side, set upright."""
    share = lean_of(page.image, [line.quad for line in lines])
    if abs(share) < LEAST_LEAN:
        return None
    upright = [replace(line, quad=sheared(line.quad, share)) for line in lines]
    seen = [recogniser(page.image, line.quad) for line in upright]
    return _read(lines, seen, today)


def _read(lines: Sequence[Line], seen: Sequence[OcrbLine], today: date) -> Zone | None:
    """Make sense of some lines: the format first, then each line at the format's length."""
    readings = [line.read() for line in seen]
    kind = kind_of(readings)
    length = line_length(kind)
    readings = [
        line.read_exactly(length) if len(reading.text) != length else reading
        for line, reading in zip(seen, readings, strict=True)
    ]
    bound = alphabets(kind, [reading.text for reading in readings])
    fit = [
        line.within(reading, alphabet)
        for line, reading, alphabet in zip(seen, readings, bound, strict=True)
    ]
    made = [
        f"{row}:{place}:{old}>{new}"
        for row, (before, after) in enumerate(zip(readings, fit, strict=True))
        for place, (old, new) in enumerate(zip(before.text, after.text, strict=True))
        if old != new
    ]
    mrz = parse_mrz(fit, today, made)
    return None if mrz is None else Zone(mrz, tuple(lines))


def _candidates(page: Page) -> list[tuple[Line, ...]]:
    """Stacks of two or three long lines that start together, the widest first."""
    long = [line for line in _whole_rows(page) if line.width > PART_ASPECT * line.height]
    long.sort(key=lambda line: line.y)
    stacks: list[tuple[Line, ...]] = []
    for first in long:
        stack = [first]
        for line in long:
            if line is not stack[-1] and _follows(stack[-1], line):
                stack.append(line)
        stacks += [tuple(stack[:count]) for count in (3, 2) if len(stack) >= count]
    stacks = [
        stack for stack in stacks if any(line.width > LINE_ASPECT * line.height for line in stack)
    ]
    return sorted(stacks, key=lambda stack: -len(stack) - 10 * max(line.width for line in stack))


def _whole_rows(page: Page) -> list[Line]:
    """The page's lines, with parts of one line put together."""
    whole: list[Line] = []
    for row in rows_of(page.lines):
        parts = [row[0]]
        for line in row[1:]:
            last = parts[-1]
            if line.left - last.right > WIDEST_GAP * max(last.height, line.height):
                parts.append(line)
                continue
            right = max(last.right, line.right)
            longer = max(last, line, key=lambda part: part.width)
            y = longer.y + longer.slope * ((last.left + right) / 2 - longer.x)
            parts[-1] = page.strip(last.left, right, y, longer.height, longer.slope)
        whole += parts
    return whole


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
    pitch = abs(lines[-1].y - lines[0].y) / (len(lines) - 1)
    height = min(float(np.median([line.height for line in lines])), HIGHEST * pitch)
    evened: list[Line] = []
    for line in lines:
        # Seen from a side lines converge; one that lost much of its length has no slope to go by.
        slope = (line if line.width > OWN_SLOPE * longest.width else longest).slope
        y = line.y + slope * ((left + right) / 2 - line.x)
        evened.append(page.strip(left, right, y, height, slope))
    return evened
