"""Does a clip's time run on? Frames that stand still, repeat, or run back and forth.

A camera never takes the same picture twice: its noise alone tells two frames apart. A recording
that is stretched to the length asked for does repeat, also after it has been encoded again.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veridical.media.planes import sampled
from veridical.types import Clip

__all__ = ["Repeats", "find_repeats", "longest_stand_ms", "thumbnails"]

SAMPLES_PER_SIDE = 32
SAME = 0.35
"""Two frames are one picture when they differ by less than this share of the usual step from one
frame to the next. Re-encoding noise stays below, living motion and sensor noise above."""
STILL_LEVELS = 0.02
"""Mean difference in grey levels under which a frame counts as the one before, shown again."""
LAG_AT_LEAST_MS = 300.0
FRAMES_AT_MOST = 240


@dataclass(frozen=True, slots=True)
class Repeats:
    """How a clip's frames repeat.

    Attributes:
        still_ms: Longest time during which one picture stands.
        still_share: Share of the frames that show the picture before them again.
        loop_ms: Longest stretch that is shown a second time.
        mirror_ms: Longest stretch that is shown a second time backwards.
    """

    still_ms: float
    still_share: float
    loop_ms: float
    mirror_ms: float


def find_repeats(clip: Clip) -> Repeats | None:
    """Look for pictures shown twice; None for clips of fewer than three frames."""
    if len(clip.frames) < 3:
        return None
    small = thumbnails(clip)
    times = clip.times_ms[: len(small)]
    still = _still(small)
    fresh = np.concatenate([[True], ~still])
    distance = _distances(small[fresh])
    step = float(np.median(distance.diagonal(1))) if fresh.sum() > 1 else 0.0
    same, far = distance < SAME * step, distance > 2 * SAME * step
    return Repeats(
        still_ms=_longest_ms(still, times, 1),
        still_share=float(still.mean()),
        loop_ms=_loop_ms(same, far, times[fresh]),
        mirror_ms=_mirror_ms(same, far, times[fresh]),
    )


def longest_stand_ms(clip: Clip) -> float | None:
    """Longest time one picture stands; None for clips of fewer than three frames.

    The same as `find_repeats(clip).still_ms`, without looking for what comes again.
    """
    if len(clip.frames) < 3:
        return None
    small = thumbnails(clip)
    return _longest_ms(_still(small), clip.times_ms[: len(small)], 1)


def thumbnails(clip: Clip) -> NDArray[np.float32]:
    """Sample every frame on a coarse grid of single pixels.

    Single pixels, not averages: averaging would take away the noise that tells frames apart.

    Returns:
        (frames, samples) float32 luminance-like (green) levels, of the first 240 frames.
    """
    frames = clip.frames[:FRAMES_AT_MOST]
    first = frames[0]
    down = max(1, first.height // SAMPLES_PER_SIDE)
    across = max(1, first.width // SAMPLES_PER_SIDE)
    rows, columns = slice(down // 2, None, down), slice(across // 2, None, across)
    green = sampled(frames, rows, columns)[..., 1]
    return np.asarray(green.reshape(len(frames), -1), np.float32)


def _still(small: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Whether each frame but the first shows the one before it again."""
    return np.asarray(np.abs(small[1:] - small[:-1]).mean(axis=1) < STILL_LEVELS)


def _distances(small: NDArray[np.float32]) -> NDArray[np.float32]:
    """Root mean square difference between all pairs of frames, (n, n)."""
    centred = small - small.mean(axis=0)
    squares = (centred**2).sum(axis=1)
    found = squares[:, None] + squares[None] - 2 * centred @ centred.T
    return np.asarray(np.sqrt(np.maximum(found, 0) / small.shape[1]), np.float32)


def _longest_ms(marks: NDArray[np.bool_], times: NDArray[np.float64], reach: int) -> float:
    """Length of the longest run of marks, where mark i spans the times i to i + reach."""
    best, start = 0.0, None
    for i, mark in enumerate([*marks.tolist(), False]):
        if mark and start is None:
            start = i
        elif not mark and start is not None:
            best, start = max(best, float(times[i - 1 + reach] - times[start])), None
    return best


def _loop_ms(same: NDArray[np.bool_], far: NDArray[np.bool_], times: NDArray[np.float64]) -> float:
    """Longest stretch shown again later in the same order, the picture having been elsewhere."""
    best = 0.0
    for lag in range(2, len(times) - 1):
        again = same.diagonal(lag)
        away = far.diagonal(lag // 2)[: len(again)]
        if times[-1] - times[-1 - lag] >= LAG_AT_LEAST_MS and again.any():
            best = max(best, _longest_ms(again & away, times, 0))
    return best


def _mirror_ms(
    same: NDArray[np.bool_], far: NDArray[np.bool_], times: NDArray[np.float64]
) -> float:
    """Longest stretch after which time ran backwards through the pictures just seen."""
    best, count = 0.0, len(times)
    for centre in range(1, 2 * count - 2):
        left, right = (centre - 1) // 2, centre // 2 + 1
        middle = left
        while left >= 0 and right < count and same[left, right]:
            left, right = left - 1, right + 1
        left += 1
        if left < middle and far[left, middle]:
            best = max(best, float(times[middle] - times[left]))
    return best
