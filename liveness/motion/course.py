"""Which way shall the head turn, and when?

An arrow asks for a turn, goes out, and the head comes back; then the next one. Direction and
moment of each are drawn.
"""

import random
import secrets

import numpy as np
from numpy.typing import NDArray

from veridical.types import Turns

__all__ = [
    "AXES",
    "CELL_MS",
    "DIRECTIONS",
    "HELD_MS",
    "SHAPE",
    "courses",
    "draw_many",
    "draw_turns",
    "entropy_bits",
    "places_of",
]

DIRECTIONS = ("left", "right", "up", "down")
CELL_MS = 100
"""Every start lies on this grid, so that thousands of other courses are compared in a moment."""
HELD_MS = 1200
"""How long an arrow stands."""
LEAD = (6, 20)
"""Shortest and longest wait before the first arrow, in cells."""
GAP = (20, 40)
"""Shortest and longest time from one arrow to the next: back to the middle takes about a second."""
TAIL_MS = 2000
"""From the last arrow's start to the end."""

AXES = np.array([(1, 0), (-1, 0), (0, 1), (0, -1)], np.float32)
"""Yaw and pitch of each direction, as `face.pose.Pose` counts them: the applicant's own left is
the right of a picture that is not mirrored."""
_RISE_CELLS = 3


def _turn() -> NDArray[np.float64]:
    """One turn, cell by cell: it rises, stands, and falls before the next one may begin."""
    held = np.ones(HELD_MS // CELL_MS)
    shape = np.convolve(held, np.hanning(2 * _RISE_CELLS + 3)[1:-1])
    return np.asarray(shape / shape.max())


SHAPE = _turn()
"""(18,) what a head does that follows one arrow at once, 0..1."""


def draw_turns(count: int = 3, source: random.Random | None = None) -> Turns:
    """Draw two to four turns: no direction follows itself, every other course is equally likely.

    Args:
        count: Turns, 2 to 4.
        source: Where chance comes from; the system's secure source unless a test hands one in.

    Raises:
        ValueError: Another count.
    """
    if not 2 <= count <= 4:
        raise ValueError(f"a course has 2 to 4 turns, asked for {count}")
    chance = source or secrets.SystemRandom()
    way, start = chance.randrange(4), chance.randint(*LEAD)
    ways, starts = [way], [start]
    while len(ways) < count:
        way = (way + chance.randint(1, 3)) % 4
        start += chance.randint(*GAP)
        ways.append(way)
        starts.append(start)
    starts_ms = tuple(float(one * CELL_MS) for one in starts)
    return Turns(tuple(DIRECTIONS[one] for one in ways), starts_ms, starts_ms[-1] + TAIL_MS)


def draw_many(
    turns: int, count: int, chance: np.random.Generator
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Draw courses by the rule of `draw_turns`.

    Returns:
        (count, turns) places in `DIRECTIONS`, and (count, turns) starts in cells.
    """
    steps = chance.integers(1, 4, (count, turns))
    steps[:, 0] = chance.integers(0, 4, count)
    waits = chance.integers(GAP[0], GAP[1] + 1, (count, turns))
    waits[:, 0] = chance.integers(LEAD[0], LEAD[1] + 1, count)
    return np.cumsum(steps, axis=1) % 4, np.cumsum(waits, axis=1)


def courses(ways: NDArray[np.intp], starts: NDArray[np.integer], cells: int) -> NDArray[np.float32]:
    """What a head does that follows each course at once: (n, cells, 2) yaw and pitch, 0..1.

    Args:
        ways: (n, turns) places in `DIRECTIONS`.
        starts: (n, turns) in cells.
        cells: Length of the answer.
    """
    length = len(SHAPE)
    at = np.asarray(starts)[:, :, None] + np.arange(length)
    rows = np.broadcast_to(np.arange(len(ways))[:, None, None], at.shape)
    inside = at < cells
    place = (rows * cells + at)[inside]
    value = SHAPE * AXES[ways][..., None]  # (n, turns, 2, length)
    axes = [
        np.bincount(place, value[:, :, axis][inside], len(ways) * cells).reshape(-1, cells)
        for axis in (0, 1)
    ]
    return np.stack(axes, axis=-1).astype(np.float32)


def places_of(turns: Turns) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """A course as `courses` takes it: (1, turns) directions and starts."""
    ways = [DIRECTIONS.index(one) for one in turns.directions]
    starts = [round(start / CELL_MS) for start in turns.starts_ms]
    return np.array([ways], np.intp), np.array([starts], np.intp)


def entropy_bits(count: int = 3) -> float:
    """Bits that one draw holds: log2 of the courses, all equally likely."""
    first = 4 * (LEAD[1] - LEAD[0] + 1)
    later = 3 * (GAP[1] - GAP[0] + 1)
    return float(np.log2(first) + (count - 1) * np.log2(later))
