"""How far does the picture go from each frame to the next, against what it does nearby?

A camera and a head move smoothly: a step is about as large as its neighbours. Where two takes were
joined everything jumps at once, from one frame to the next; where a frame of something else was put
in, the picture goes away and comes back. A joint that is blended over does neither.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from veridical.media.planes import brightness
from veridical.types import Clip, Image, View

__all__ = ["Steps", "steps_of"]

Row = NDArray[np.float64]

SMALL = (48, 36)
"""Width and height that frames are averaged down to: noise and compression vanish, motion stays."""
LINES = 144
"""Lines that are sampled for it: to average every pixel would cost ten times as much."""
NEAR = 8
"""Steps to each side that a step is compared with: a third of a second at 25 a second."""
BESIDE = 1
"""Of those, the next to it are left out: a jump may take two frames in which codecs blend."""
USUAL = 0.8
"""Quantile of the steps nearby that a step is divided by."""
LEVELS = 0.35
"""Step, in grey levels of the averaged picture, below which nothing moves: added to what is usual
nearby, so that the first movement after a rest is no jump."""
EYE_SHARES = 0.004
"""The same of the head's place and pose, in distances between the eyes."""
STILL_LEVELS = 0.02
"""Difference under which a frame is the one before it, shown again while the camera was busy."""
GAP = 1.6
"""Time between two fresh pictures, over the usual, from which on pictures are missing between."""
RIGID = (33, 133, 362, 263, 168, 6, 197, 195, 5, 10, 151, 9, 8, 127, 356, 234, 454, 55, 285)
"""Points of the mesh that speech does not move."""
LEFT_EYE, RIGHT_EYE = (0, 1), (2, 3)


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """What the pictures of one clip do, step by step.

    Attributes:
        times_ms: (n,) presentation time of the fresh picture that each step leads to.
        whole: (n,) the step of the whole picture over what is usual nearby.
        odd: (n,) how far the picture before this one and the one after it are from it, over how
            far they are from each other: above 1 it does not lie between them.
        gap: (n,) bool: pictures are missing before the step, by the time stamps or because one
            stood, so that a larger step is no sign.
        head_times_ms: (m,) the same for frames in which the face was followed.
        head: (m,) the step of the head's place, size and pose over what is usual nearby.
        head_gap: (m,) bool, as `gap`.
    """

    times_ms: Row
    whole: Row
    odd: Row
    gap: NDArray[np.bool_]
    head_times_ms: Row
    head: Row
    head_gap: NDArray[np.bool_]


def steps_of(clip: Clip, followed: Sequence[View]) -> Steps:
    """Measure every step of a clip.

    Args:
        clip: The clip.
        followed: Frames of it in which the face was followed, in order.

    Returns:
        The steps; empty for a clip of fewer than three fresh pictures.
    """
    small = _averaged(clip.frames)
    fresh = np.concatenate([[True], np.abs(np.diff(small, axis=0)).mean((1, 2)) >= STILL_LEVELS])
    small, times_ms = small[fresh], clip.times_ms[fresh]
    with_face = [view for view in followed if view.mesh is not None]
    head_times_ms = np.array([view.time_ms for view in with_face], np.float64)
    head = _head_steps(with_face)
    one = _lengths(small[1:] - small[:-1])
    return Steps(
        times_ms[1:],
        _over_usual(one, LEVELS),
        _odd(small, one),
        _gaps(times_ms),
        head_times_ms[1:],
        _over_usual(head, EYE_SHARES),
        _gaps(head_times_ms),
    )


def _averaged(frames: Sequence[Image]) -> NDArray[np.float32]:
    """(n, 36, 48) float32 grey levels."""
    down = max(1, frames[0].height // LINES)
    lines = slice(down // 2, None, down)
    made = np.empty((len(frames), SMALL[1], SMALL[0]), np.float32)
    for index, frame in enumerate(frames):
        level = brightness(frame, lines, lines).astype(np.float32)
        made[index] = cv2.resize(level, SMALL, interpolation=cv2.INTER_AREA)
    return made


def _lengths(difference: NDArray[np.float32]) -> Row:
    return np.asarray(np.sqrt((difference.astype(np.float64) ** 2).mean((1, 2))), np.float64)


def _over_usual(steps: Row, floor: float) -> Row:
    """Each step over a high quantile of those near it."""
    if len(steps) <= 2 * BESIDE + 1:
        return np.zeros(len(steps))
    near = np.sort(_beside(steps, NEAR, BESIDE), axis=1)  # what is NaN comes last
    place = USUAL * (np.isfinite(near).sum(1, keepdims=True) - 1)
    low = np.floor(place).astype(np.intp)
    below, above = (np.take_along_axis(near, at, 1) for at in (low, np.ceil(place).astype(np.intp)))
    usual = (below + (place - low) * (above - below))[:, 0]
    return np.asarray(steps / (usual + floor))


def _beside(values: Row, near: int, left_out: int) -> Row:
    """(n, 2 * near + 1): the neighbours of every value, NaN beyond the ends and where left out."""
    padded = np.pad(values, near, constant_values=np.nan)
    beside = sliding_window_view(padded, 2 * near + 1).copy()
    beside[:, near - left_out : near + left_out + 1] = np.nan
    return beside


def _odd(small: NDArray[np.float32], one: Row) -> Row:
    """How little each picture but the ends lies between its neighbours; 0 for the last."""
    if len(small) < 3:
        return np.zeros(len(one))
    two = _lengths(small[2:] - small[:-2])
    return np.concatenate([np.minimum(one[:-1], one[1:]) / (two + LEVELS), [0.0]])


def _gaps(times_ms: Row) -> NDArray[np.bool_]:
    """Before which steps pictures are missing."""
    intervals = np.diff(times_ms)
    return np.asarray(intervals > GAP * np.median(intervals) if len(intervals) else intervals > 0)


def _head_steps(views: Sequence[View]) -> Row:
    """Root mean square way of the points that speech does not move, in distances of the eyes."""
    if len(views) < 2:
        return np.zeros(0)
    points = np.stack([view.mesh.points[list(RIGID), :2] for view in views if view.mesh])
    eyes = points[:, LEFT_EYE].mean(1) - points[:, RIGHT_EYE].mean(1)
    apart = max(float(np.median(np.linalg.norm(eyes, axis=1))), 1e-6)
    way = np.sqrt((np.diff(points.astype(np.float64), axis=0) ** 2).sum(2).mean(1))
    return np.asarray(way / apart)
