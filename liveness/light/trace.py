"""What colour had the skin, and the room behind it, in every frame?"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from veridical.liveness.light.colours import linear
from veridical.media.planes import sampled
from veridical.types import Box, View

__all__ = ["PATCHES", "Trace", "trace_of"]

PATCHES: dict[str, tuple[int, ...]] = {
    "forehead": (103, 67, 109, 10, 338, 297, 332, 333, 299, 337, 151, 108, 69, 104),
    "left_cheek": (117, 118, 119, 100, 126, 203, 206, 216, 192, 213, 147, 123),
    "right_cheek": (346, 347, 348, 329, 355, 423, 426, 436, 416, 433, 376, 352),
    "nose": (168, 197, 195, 5, 45, 220, 275, 440),
    "chin": (199, 175, 171, 396, 200, 201, 421),
}
"""Outlines on the mesh of what is skin in nearly everybody: left and right as seen."""
SKIN = ("forehead", "left_cheek", "right_cheek")
SAMPLES = 80
"""Points read in each patch."""
FINE_PX = 40.0
"""Distance of the eyes by the side of the square that one sample is the mean of."""
WIDE_STEP = 3
EYES = (33, 263)
ROOM_CELLS = (30, 40)
LEAST_ROOM = 80
DARK, BRIGHT = 10, 247
"""Values between which a sample follows the light: below is noise, above is clipped."""

_LIGHT = np.array([linear(f"#{value:02x}0000")[0] for value in range(256)], np.float32)


_CORNERS = [corner for corners in PATCHES.values() for corner in corners]


def _spread() -> NDArray[np.float32]:
    """(5 patches x samples, corners): points all over each patch, as shares of its corners."""
    chance = np.random.default_rng(0)
    shares = np.zeros((len(PATCHES) * SAMPLES, len(_CORNERS)), np.float32)
    first = 0
    for place, corners in enumerate(PATCHES.values()):
        rows = slice(place * SAMPLES, (place + 1) * SAMPLES)
        shares[rows, first : first + len(corners)] = chance.dirichlet(
            np.full(len(corners), 0.6), SAMPLES
        )
        first += len(corners)
    return shares


_SHARES = _spread()


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """The colours of one clip, in linear light, 0..1.

    Attributes:
        times_ms: (n,) presentation times of the frames that show the face.
        skin: (n, 3) mean of forehead and cheeks.
        patches: (n, 5, 3) each of `PATCHES`; NaN where one is clipped or dark.
        room: (n, 3) mean of what lies beside the person; None where too little of it is seen.
        frames: Frames that were looked at, with and without a face.
        reasons: Why frames show no single face, most frequent first.
        readable: Share of the samples that are neither clipped nor dark, 0..1.
        brightness: Mean of the skin's values, 0..255.
    """

    times_ms: NDArray[np.float64]
    skin: NDArray[np.float32]
    patches: NDArray[np.float32]
    room: NDArray[np.float32] | None
    frames: int
    reasons: tuple[str, ...] = ()
    readable: float = 0.0
    brightness: float = 0.0

    @property
    def fps(self) -> float:
        """Mean frames a second that show the face; 0 below two."""
        span_ms = float(self.times_ms[-1] - self.times_ms[0]) if len(self.times_ms) else 0.0
        return (len(self.times_ms) - 1) * 1000.0 / span_ms if span_ms > 0 else 0.0

    @property
    def seen_share(self) -> float:
        """Share of the frames that show the face, 0..1."""
        return len(self.times_ms) / self.frames if self.frames else 0.0


def trace_of(views: Sequence[View]) -> Trace:
    """Read skin and room in frames of a clip.

    Args:
        views: One per frame, in order, each with the mesh of its subject where there is one. All
            frames of one size, as in a `Clip`.
    """
    seen = [view for view in views if _shows_face(view)]
    causes = [view.reason or "no_face" for view in views if not _shows_face(view)]
    reasons = tuple(sorted(set(causes), key=lambda cause: (-causes.count(cause), cause)))
    if not seen:
        none = np.empty((0, 3), np.float32)
        return Trace(np.empty(0), none, np.empty((0, 5, 3), np.float32), None, len(views),
                     reasons)  # fmt: skip
    samples = np.stack([_read(view) for view in seen])  # (n, 5, samples, 3)
    # A sample counts in all frames or in none: one that comes and goes would look like light.
    middle = samples.mean(0, dtype=np.float32)
    good = ((middle > DARK) & (middle < BRIGHT)).all(axis=2)
    light = _LIGHT[samples] * good[None, :, :, None]
    counts = good.sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        patches = light.sum(2) / np.where(counts > SAMPLES // 4, counts, np.nan)[None, :, None]
    skin_at = [list(PATCHES).index(name) for name in SKIN]
    whole = max(int(counts[skin_at].sum()), 1)
    return Trace(
        np.array([view.time_ms for view in seen], np.float64),
        np.asarray(light[:, skin_at].sum((1, 2)) / whole, np.float32),
        np.asarray(patches, np.float32),
        _room(seen),
        len(views),
        reasons,
        float(good[skin_at].mean()),
        float(samples[:, skin_at].mean()),
    )


def _shows_face(view: View) -> bool:
    if view.mesh is None or view.subject is None:
        return False
    return bool(np.isfinite(view.mesh.points).all())


def _read(view: View) -> NDArray[np.uint8]:
    """The samples of one frame, (5, samples, 3): means of small squares, at the edge if outside."""
    assert view.mesh is not None  # noqa: S101
    points = view.mesh.points[:, :2]
    step = max(1, int(np.linalg.norm(points[EYES[0]] - points[EYES[1]]) / FINE_PX))
    # Of a large face every other pixel is enough, and four times as fast.
    skip = 1 + (step >= WIDE_STEP)
    step = max(1, step // skip)
    pixels = view.image.pixels[::skip, ::skip]
    where = (_SHARES @ points[_CORNERS]) / skip
    height, width = pixels.shape[:2]
    low_x, low_y = (max(0, int(value) - step) for value in where.min(0))
    high_x, high_y = (int(value) + 2 * step for value in where.max(0))
    low_x, low_y = min(low_x, max(0, width - step)), min(low_y, max(0, height - step))
    part = pixels[low_y : max(high_y, low_y + step), low_x : max(high_x, low_x + step)]
    across, down = max(1, part.shape[1] // step), max(1, part.shape[0] // step)
    small = cv2.resize(
        np.ascontiguousarray(part[: down * step, : across * step]),
        (across, down),
        interpolation=cv2.INTER_AREA,
    )
    at = ((where - (low_x, low_y)) / step).astype(np.intp)
    at = np.clip(at, 0, (across - 1, down - 1))
    return np.asarray(small[at[:, 1], at[:, 0]], np.uint8).reshape(len(PATCHES), SAMPLES, 3)


def _room(views: Sequence[View]) -> NDArray[np.float32] | None:
    """(n, 3) mean light beside the person; None where too little of the room is ever seen."""
    image = views[0].image
    down, along = max(1, image.height // ROOM_CELLS[0]), max(1, image.width // ROOM_CELLS[1])
    ys, xs = np.arange(down // 2, image.height, down), np.arange(along // 2, image.width, along)
    beside = np.ones((len(ys), len(xs)), np.bool_)
    for view in views:
        assert view.subject is not None  # noqa: S101
        beside &= ~_covers(view.subject.box, xs, ys)
    rows, columns = slice(ys[0], None, down), slice(xs[0], None, along)
    values = sampled([view.image for view in views], rows, columns)[:, beside]
    if not values.size:
        return None
    middle = values.mean(0, dtype=np.float32)
    good = ((middle > DARK) & (middle < BRIGHT)).all(axis=1)
    if good.sum() < LEAST_ROOM:
        return None
    return np.asarray(_LIGHT[values[:, good]].mean(1), np.float32)


def _covers(box: Box, xs: NDArray[np.intp], ys: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Where head, hair, neck and shoulders may be: they are lit as well."""
    left, right = box.left - 0.35 * box.width, box.right + 0.35 * box.width
    head = ((xs > left) & (xs < right))[None] & (
        (ys > box.top - 0.45 * box.height) & (ys < box.bottom)
    )[:, None]
    wide = ((xs > box.left - box.width) & (xs < box.right + box.width))[None]
    return np.asarray(head | (wide & (ys >= box.bottom - 0.1 * box.height)[:, None]))
