"""Is there ink in or beside a line that none of its characters accounts for?

A recogniser is sure of the characters it saw; what it passed over has no probability. The ink of a
line says more: each character claims the columns around its centre, and a column with ink that
nobody claims, or a hole as wide as a character, means that something was lost.
"""

import unicodedata
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from veridical.ocr.geometry import crop_quad
from veridical.ocr.glare import WHITE
from veridical.ocr.page import Line, Page
from veridical.ocr.text import Reading

__all__ = ["Claims", "claims_of", "upper_stroke_longer"]

HEIGHT_PX = 32
INKED = 0.4
"""Share of the line's own contrast from which a pixel is ink."""
ROWS = (0.14, 0.86)
"""Part of the height that counts: boxes of neighbouring rows overlap."""
WIDE, NARROW = 0.66, 0.42
"""What a Chinese character and any other claim on each side of its centre, in character pitches."""
PITCH = 0.72
"""A character's pitch over the line's height, where too few are there to measure it."""
PAPER = 200
"""Grey level from which a pixel is bright paper rather than ink."""
LONGER = 1.05
"""How much longer the upper one of two bars must be: 1.10 to 1.50 in six fonts, blurred and noisy,
and 0.68 to 0.86 where it is the shorter one."""
LOOSE = 1.35
"""Factor on that up to which one step alone is believed to be a pitch."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What the characters of a line leave over.

    Attributes:
        ink: Ink that no character claims, over the ink of a usual one.
        hole: Widest stretch between two neighbours that neither claims, in character pitches.
        glare: How much more of the room behind them is white than of the line, as a share.
    """

    ink: float = 0.0
    hole: float = 0.0
    glare: float = 0.0


def claims_of(
    page: Page,
    line: Line,
    reading: Reading,
    before: float,
    after: float,
    begins: float = float("-inf"),
) -> Claims:
    """What a line's characters leave over in it and in the room beside it.

    Args:
        page: The page.
        line: The line.
        reading: What it says.
        before: Room to its left that belongs to no other line, in pixels of the frame.
        after: Room to its right.
        begins: Where values begin, in the frame: a caption left of it may stand apart.
    """
    pairs = [
        (character, centre)
        for character, centre in zip(reading.text, reading.centres, strict=True)
        if not character.isspace()
    ]
    if not pairs:
        return Claims()
    left, right = line.left - before, line.right + after
    middle = line.y + line.slope * ((left + right) / 2 - line.x)
    strip = page.strip(left, right, middle, line.height, line.slope)
    pixels = crop_quad(page.image, strip.quad, HEIGHT_PX)
    ink = _ink(pixels)
    scale = ink.shape[1] / (right - left)
    centres = np.array([(before + centre * line.width) * scale for _, centre in pairs])
    wide = np.array([unicodedata.east_asian_width(character) in "WF" for character, _ in pairs])
    pitch = _pitch(centres, wide)
    half = np.where(wide, WIDE, NARROW) * pitch
    columns = ink.sum(axis=0)
    place = np.arange(ink.shape[1]) + 0.5
    claimed = (np.abs(place[:, None] - centres) <= half).any(axis=1)
    usual = float(columns[claimed].sum()) / len(pairs)
    gaps = ((centres[1:] - half[1:]) - (centres[:-1] + half[:-1]))[
        centres[:-1] > (begins - left) * scale
    ]
    return Claims(
        ink=float(columns[~claimed].sum()) / max(usual, 1.0),
        hole=float(max(gaps, default=0.0)) / pitch,
        glare=_glare(pixels, round((before + line.width) * scale)),
    )


def upper_stroke_longer(page: Page, line: Line, centre: float) -> bool:
    """Whether the first of two bars of a character is clearly the longer one, as in 吉, not 𠮷.

    Args:
        page: The page.
        line: The line.
        centre: Middle of the character, as in `Reading.centres`.
    """
    strip = crop_quad(page.image, line.quad, 2 * HEIGHT_PX)
    half = PITCH * HEIGHT_PX
    middle = centre * strip.shape[1]
    left, right = max(0, round(middle - half)), round(middle + half)
    ink = _ink(strip)[:, left:right]
    lengths = [_longest_run(row) for row in ink]
    inked = [at for at, length in enumerate(lengths) if length]
    if not inked:
        return False
    # The bars stand in the upper half; below them is the box of 口.
    low = inked[0] + (inked[-1] - inked[0]) // 2
    bars = _peaks(lengths[: low + 1])
    return len(bars) >= 2 and bars[0] > LONGER * bars[1]


def _longest_run(row: NDArray[np.float64]) -> int:
    """Length of the longest stretch of ink."""
    edges = np.diff(np.concatenate([[0.0], row, [0.0]]))
    starts, ends = np.flatnonzero(edges > 0), np.flatnonzero(edges < 0)
    return int((ends - starts).max(initial=0))


def _peaks(lengths: list[int]) -> list[int]:
    """Longest run of each bar, from the top: neighbouring rows half as long as the longest."""
    least = max(lengths, default=0) / 2
    bars: list[int] = []
    inside = False
    for length in lengths:
        if length > least:
            bars = [*bars[:-1], max(bars[-1], length)] if inside else [*bars, length]
        inside = length > least
    return bars


def _glare(strip: NDArray[np.uint8], end: int) -> float:
    """How much more of a strip is white behind a column than before: bright paper is no glare."""
    least = strip.min(axis=2)
    white, paper = least >= WHITE, least >= PAPER
    behind = float(white[:, end:].mean()) if end < white.shape[1] else 0.0
    return behind - float(white[:, :end].sum()) / max(float(paper[:, :end].sum()), 1.0)


def _pitch(centres: NDArray[np.float64], wide: NDArray[np.bool_]) -> float:
    """From one Chinese character to the next, in pixels of the strip."""
    both = wide[1:] & wide[:-1]
    steps = np.diff(centres)[both]
    usual = PITCH * HEIGHT_PX
    if len(steps) == 0 or (len(steps) == 1 and steps[0] > LOOSE * usual):
        return usual
    return float(np.median(steps))


def _ink(strip: NDArray[np.uint8]) -> NDArray[np.float64]:
    """1 where a strip has ink, 0 elsewhere, in the rows that count."""
    grey = cv2.cvtColor(strip, cv2.COLOR_RGB2GRAY)
    height = len(grey)
    paper = cv2.morphologyEx(grey, cv2.MORPH_CLOSE, np.ones((height, height), np.uint8))
    dark = cv2.GaussianBlur(paper, (0, 0), 4).astype(np.float32) - grey
    contrast = float(np.percentile(dark, 95))
    top, bottom = (round(share * height) for share in ROWS)
    return (dark[top:bottom] > INKED * max(contrast, 12.0)).astype(np.float64)
