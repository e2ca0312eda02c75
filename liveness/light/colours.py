"""Which colours does the screen show, and when?

Six hues of one luminance: the skin's colour answers them, its brightness hardly changes, and no
change of them is a flash (WCAG 2.2, 2.3.1 asks for a change of a tenth in luminance or a saturated
red). Black and white carry no colour and are left out.
"""

import random
import secrets

import numpy as np
from numpy.typing import NDArray

from veridical.types import Colours

__all__ = [
    "CELL_MS",
    "HUES",
    "LONGEST_MS",
    "SHORTEST_MS",
    "draw_colours",
    "draw_many",
    "entropy_bits",
    "linear",
    "luminance",
]

HUES = ("#ff84ff", "#ff9c00", "#bcb800", "#00d000", "#00c0ff", "#bca6ff")
"""Magenta, orange, olive, green, sky and violet, each of 0.45 of white's luminance. They are the
corners of what a screen can show at that luminance, and two points between. 0.45, because a
brighter set is paler, and a darker one holds a red that photosensitive people must be spared."""

CELL_MS = 100
"""Every change lies on this grid, so that thousands of other sequences are compared in a moment."""
STEPS = (5, 9)
"""Shortest and longest stay of a colour, in cells: two changes a second at most."""
SHORTEST_MS, LONGEST_MS = 3000, 30_000


def draw_colours(duration_ms: float, source: random.Random | None = None) -> Colours:
    """Draw a sequence: no hue follows itself, every other one and every stay is equally likely.

    Args:
        duration_ms: How long colours are shown, 3 to 30 s; taken down to whole tenths of a second.
        source: Where chance comes from; the system's secure source unless a test hands one in.

    Raises:
        ValueError: Another length.
    """
    if not SHORTEST_MS <= duration_ms <= LONGEST_MS:
        raise ValueError(f"colours are shown for 3 to 30 s, asked for {duration_ms:g} ms")
    chance = source or secrets.SystemRandom()
    cells = int(duration_ms // CELL_MS)
    hue, start = chance.randrange(len(HUES)), 0
    shown, starts = [], []
    while start < cells:
        shown.append(HUES[hue])
        starts.append(float(start * CELL_MS))
        start += chance.randint(*STEPS)
        hue = (hue + chance.randint(1, len(HUES) - 1)) % len(HUES)
    return Colours(tuple(shown), tuple(starts), float(cells * CELL_MS))


def draw_many(cells: int, count: int, chance: np.random.Generator) -> NDArray[np.uint8]:
    """Draw sequences by the rule of `draw_colours`: (count, cells), places in `HUES`.

    Args:
        cells: Length of each in `CELL_MS`.
        count: How many.
        chance: Where chance comes from.
    """
    most = -(-cells // STEPS[0])
    stays = chance.integers(STEPS[0], STEPS[1] + 1, (count, most))
    steps = chance.integers(1, len(HUES), (count, most))
    steps[:, 0] = chance.integers(0, len(HUES), count)
    hues = np.cumsum(steps, axis=1) % len(HUES)
    ends = np.minimum(np.cumsum(stays, axis=1), cells)
    lengths = np.diff(ends, axis=1, prepend=0)
    return np.repeat(hues.astype(np.uint8).ravel(), lengths.ravel()).reshape(count, cells)


def entropy_bits(duration_ms: float) -> float:
    """Bits that one draw holds about: log2 of the sequences of mean stays."""
    stays = STEPS[1] - STEPS[0] + 1
    changes = duration_ms / CELL_MS / (sum(STEPS) / 2)
    return float(np.log2(len(HUES)) + changes * np.log2((len(HUES) - 1) * stays))


def linear(colour: str) -> NDArray[np.float64]:
    """Light of an sRGB colour, (3,) red, green, blue, 0..1 (IEC 61966-2-1)."""
    value = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def luminance(colour: str) -> float:
    """Relative luminance, 0..1 (WCAG 2.2)."""
    return float(linear(colour) @ (0.2126, 0.7152, 0.0722))
