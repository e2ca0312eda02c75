"""How did the mouth move through a clip, whatever the head did?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veridical.types import Clip, View

__all__ = [
    "FEATURES",
    "FPS_ENOUGH",
    "GRID_MS",
    "MouthFrame",
    "MouthTrack",
    "follow_mouth",
    "frames_enough",
    "mouth_frame",
    "mouth_track",
    "track_of",
]

FEATURES = (
    "inner_opening",
    "outer_opening",
    "width",
    "inner_width",
    "protrusion",
    "upper_thickness",
    "lower_thickness",
    "chin",
    "inner_area",
    "lower_lip",
    "corner_height",
    "upper_lip",
)
"""What is measured in every frame, in inter-ocular distances (`inner_area` in their square)."""

GRID_MS = 40.0
"""Time between two places of the even grid on which lips and sound are compared: 25 a second."""

EYE_CORNERS = (33, 133, 362, 263)
EYE_LEFT, EYE_RIGHT = (33, 133), (362, 263)
RIGID = (33, 133, 362, 263, 168, 6, 197, 195, 5, 10, 151, 9, 8, 127, 356, 234, 454, 55, 285)
"""Points that speech does not move: eye corners, bridge of the nose, forehead, temples."""
FOREHEAD, CHIN = 10, 152
INNER_TOP, INNER_BOTTOM, OUTER_TOP, OUTER_BOTTOM = 13, 14, 0, 17
CORNERS, INNER_CORNERS = (61, 291), (78, 308)
INNER_LIPS = (
    78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191,
)  # fmt: skip
ALIGN_ROUNDS = 2
SMOOTH_MS = 25.0
"""Width of the bell that takes off the mesh's jitter; the weight of a frame falls with its distance
in time, so that frames far apart are left as they are."""
SMOOTH_REACH = 2
LEAST_SEEN = 5

FPS_ENOUGH = 14.5
"""Frames a second that lips are followed at where the clip offers that and more."""


@dataclass(frozen=True, slots=True, eq=False)
class MouthTrack:
    """The movement of one mouth.

    Attributes:
        times_ms: (n,) float64, presentation time of every frame that was followed.
        seen: (n,) bool: whether the whole mouth was found in the frame.
        shape: (n, 12) float32, `FEATURES`; NaN where it was not seen.
        inter_eye_px: Median distance of the eyes; 0 when no frame shows a face.
        reasons: Why frames show no single face, most frequent first.
        skipped: Frames of the clip between these that were not followed.
    """

    times_ms: NDArray[np.float64]
    seen: NDArray[np.bool_]
    shape: NDArray[np.float32]
    inter_eye_px: float
    reasons: tuple[str, ...] = ()
    skipped: int = 0

    @property
    def fps(self) -> float:
        """Mean frames per second of the clip by its time stamps; 0 below two frames."""
        frames = len(self.times_ms) + self.skipped
        return (frames - 1) * 1000.0 / self.duration_ms if self.duration_ms > 0 else 0.0

    @property
    def duration_ms(self) -> float:
        """Time from the first to the last frame."""
        return float(self.times_ms[-1] - self.times_ms[0]) if len(self.times_ms) else 0.0

    @property
    def seen_share(self) -> float:
        """Share of the frames in which the mouth was found, 0..1."""
        return float(self.seen.mean()) if len(self.seen) else 0.0

    @property
    def longest_gap_ms(self) -> float:
        """Longest time between two frames that show the mouth; infinite below two."""
        times = self.times_ms[self.seen]
        return float(np.diff(times).max()) if len(times) > 1 else float("inf")

    @property
    def motion(self) -> float:
        """Standard deviation of the inner opening, in inter-ocular distances; 0 below two."""
        opening = self.shape[self.seen, 0]
        return float(opening.std()) if len(opening) > 1 else 0.0

    def on_grid(self, times_ms: NDArray[np.float64]) -> NDArray[np.float32]:
        """The shape at any times, smooth curves between frames: (len(times_ms), 12) float32.

        Straight lines would flatten what moves fastest, and by more the slower the clip: at 15
        frames a second that doubled the error of lips against sound.

        Args:
            times_ms: Where; before the first and after the last frame the shape stays as it is.

        Raises:
            ValueError: No frame shows the mouth.

        Source: E. Catmull and R. Rom, "A class of local interpolating splines", 1974, on uneven
        times.
        """
        if not self.seen.any():
            raise ValueError("no frame shows the mouth")
        known, shape = self.times_ms[self.seen], self.shape[self.seen].astype(np.float64)
        if len(known) == 1:
            return np.repeat(self.shape[self.seen], len(times_ms), axis=0)
        slope = np.gradient(shape, axis=0) / np.maximum(np.gradient(known), 1e-9)[:, None]
        place = np.clip(np.searchsorted(known, times_ms, side="right") - 1, 0, len(known) - 2)
        step = np.maximum(known[place + 1] - known[place], 1e-9)
        t = np.clip((times_ms - known[place]) / step, 0.0, 1.0)[:, None]
        step = step[:, None]
        start = (1 + 2 * t) * (1 - t) ** 2 * shape[place] + t * (1 - t) ** 2 * step * slope[place]
        end = t**2 * (3 - 2 * t) * shape[place + 1] + t**2 * (t - 1) * step * slope[place + 1]
        return np.asarray(start + end, np.float32)


def frames_enough(times_ms: NDArray[np.float64]) -> list[int]:
    """Choose the frames of a clip that lips are followed in.

    The mesh is the dearest part of the whole check, and lips say nothing at 30 frames a second
    that they do not say at 15 (docs/measurements/lips.md). A frame is skipped while the next one
    comes in time.

    Args:
        times_ms: (n,) presentation times, not decreasing.

    Returns:
        Indices in order, the first and the last among them; no two of them are further apart
        than `FPS_ENOUGH` allows, unless the clip itself leaves the gap.
    """
    if not len(times_ms):
        return []
    chosen = [0]
    for index in range(1, len(times_ms)):
        last = index + 1 == len(times_ms)
        if last or times_ms[index + 1] - times_ms[chosen[-1]] > 1000.0 / FPS_ENOUGH:
            chosen.append(index)
    return chosen


def follow_mouth(clip: Clip, follow: Callable[[Clip], Sequence[View]]) -> MouthTrack:
    """Follow the mouth through a clip, in as many frames as that takes.

    Args:
        clip: The clip.
        follow: Finds the one face in every frame it is given, such as `FaceTracker`.
    """
    chosen = frames_enough(clip.times_ms)
    part = Clip(tuple(clip.frames[index] for index in chosen), clip.times_ms[chosen])
    return mouth_track(follow(part), len(clip.frames) - len(chosen))


@dataclass(frozen=True, slots=True, eq=False)
class MouthFrame:
    """What one frame shows of a mouth: all that a track needs of it, without its pixels.

    Attributes:
        time_ms: Presentation time.
        points: (468, 3) float32 of the subject's mesh; None where the whole mouth was not found.
        reason: Why not; empty where it was.
    """

    time_ms: float
    points: NDArray[np.float32] | None
    reason: str = ""


def mouth_frame(view: View) -> MouthFrame:
    """The mouth of one frame, with the mesh of its subject where there is one."""
    if view.mesh is None or not _shows_mouth(view):
        return MouthFrame(view.time_ms, None, view.reason or "mouth_hidden")
    return MouthFrame(view.time_ms, view.mesh.points)


def mouth_track(views: Sequence[View], skipped: int = 0) -> MouthTrack:
    """Measure the mouth in frames of a clip; see `track_of`.

    Args:
        views: One per frame, in order, each with the mesh of its subject where there is one.
        skipped: Frames of the clip between these that were left out.
    """
    return track_of([mouth_frame(view) for view in views], skipped)


def track_of(frames: Sequence[MouthFrame], skipped: int = 0) -> MouthTrack:
    """Measure the mouth over frames of a clip.

    The head's turn, tilt, distance and place are taken out by laying the points that speech does
    not move on each other (W. Kabsch, "A solution for the best rotation to relate two sets of
    vectors", Acta Cryst. A32, 1976), all frames on their common mean.

    Args:
        frames: In order.
        skipped: Frames of the clip between these that were left out.

    Returns:
        The track; empty without frames.
    """
    times_ms = np.array([frame.time_ms for frame in frames], np.float64)
    seen = np.array([frame.points is not None for frame in frames], np.bool_)
    shape = np.full((len(frames), len(FEATURES)), np.nan, np.float32)
    causes = [frame.reason for frame in frames if frame.points is None]
    reasons = tuple(sorted(set(causes), key=lambda cause: (-causes.count(cause), cause)))
    points = [frame.points for frame in frames if frame.points is not None]
    if len(points) < LEAST_SEEN:
        none = np.zeros(len(frames), np.bool_)
        return MouthTrack(times_ms, none, shape, 0.0, reasons, skipped)
    stacked = np.stack(points)
    eyes = stacked[:, EYE_LEFT].mean(1) - stacked[:, EYE_RIGHT].mean(1)
    shape[seen] = _smooth(_measure(_align(stacked.astype(np.float64))), times_ms[seen])
    apart = float(np.median(np.linalg.norm(eyes[:, :2], axis=1)))
    return MouthTrack(times_ms, seen, shape, apart, reasons, skipped)


def _shows_mouth(view: View) -> bool:
    """Whether a frame has a mesh whose lips lie inside the picture."""
    if view.mesh is None or view.subject is None:
        return False
    points = view.mesh.points
    lips = points[[*INNER_LIPS, *CORNERS, OUTER_TOP, OUTER_BOTTOM], :2]
    size = np.array([view.image.width, view.image.height], np.float32)
    return bool(np.isfinite(points).all() and (lips >= 0).all() and (lips < size).all())


def _align(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lay (n, 468, 3) meshes on their mean; x runs along the eyes, one unit from eye to eye."""
    shapes = points - points[:, EYE_CORNERS].mean(1, keepdims=True)
    # The frame nearest to the middle starts the mean: any would do, a blurred one less well.
    mean = shapes[len(shapes) // 2][list(RIGID)]
    for _ in range(ALIGN_ROUNDS):
        target = mean - mean.mean(0)
        centres = shapes[:, RIGID].mean(1, keepdims=True)
        rigid = shapes[:, RIGID] - centres
        left, stretch, right = np.linalg.svd(np.einsum("nij,ik->njk", rigid, target))
        sign = np.sign(np.linalg.det(left @ right))
        stretch[:, 2] *= sign
        left[:, :, 2] *= sign[:, None]
        scale = stretch.sum(1) / np.maximum((rigid**2).sum((1, 2)), 1e-12)
        shapes = scale[:, None, None] * ((shapes - centres) @ (left @ right))
        mean = shapes.mean(0)[list(RIGID)]
    whole = shapes.mean(0)
    across = whole[list(EYE_RIGHT)].mean(0) - whole[list(EYE_LEFT)].mean(0)
    unit = max(float(np.linalg.norm(across)), 1e-9)
    x = across / unit
    y = whole[CHIN] - whole[FOREHEAD]
    y = y - (y @ x) * x
    y = y / max(float(np.linalg.norm(y)), 1e-9)
    axes = np.stack([x, y, np.cross(x, y)], axis=1)
    return np.asarray((shapes - whole[list(EYE_CORNERS)].mean(0)) @ axes / unit)


def _measure(aligned: NDArray[np.float64]) -> NDArray[np.float64]:
    """`FEATURES` of aligned meshes: (n, 12)."""

    def between(a: int, b: int) -> NDArray[np.float64]:
        return np.asarray(np.linalg.norm(aligned[:, a, :2] - aligned[:, b, :2], axis=1))

    x, y = aligned[:, INNER_LIPS, 0], aligned[:, INNER_LIPS, 1]
    area = np.abs((x * np.roll(y, -1, 1) - y * np.roll(x, -1, 1)).sum(1)) / 2
    corners = aligned[:, CORNERS].mean(1)
    outer = aligned[:, (OUTER_TOP, OUTER_BOTTOM)].mean(1)
    inner = aligned[:, (INNER_TOP, INNER_BOTTOM)].mean(1)
    return np.stack(
        [
            between(INNER_TOP, INNER_BOTTOM),
            between(OUTER_TOP, OUTER_BOTTOM),
            between(*CORNERS),
            between(*INNER_CORNERS),
            outer[:, 2] - corners[:, 2],
            between(OUTER_TOP, INNER_TOP),
            between(INNER_BOTTOM, OUTER_BOTTOM),
            aligned[:, CHIN, 1],
            area,
            aligned[:, OUTER_BOTTOM, 1],
            corners[:, 1] - inner[:, 1],
            aligned[:, OUTER_TOP, 1],
        ],
        axis=1,
    )


def _smooth(shape: NDArray[np.float64], times_ms: NDArray[np.float64]) -> NDArray[np.float64]:
    """Take off the mesh's jitter from frame to frame."""
    total, weight = shape.copy(), np.ones(len(shape))
    for apart in range(1, min(SMOOTH_REACH + 1, len(shape))):
        share = np.exp(-0.5 * ((times_ms[apart:] - times_ms[:-apart]) / SMOOTH_MS) ** 2)
        total[apart:] += share[:, None] * shape[:-apart]
        total[:-apart] += share[:, None] * shape[apart:]
        weight[apart:] += share
        weight[:-apart] += share
    return np.asarray(total / weight[:, None])
