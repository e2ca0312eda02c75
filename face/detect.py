"""Where are the faces of a picture?"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from veridical.models import Session
from veridical.result import ModelRef
from veridical.types import Box, Face, Image

__all__ = ["FaceDetector"]

STRIDES = (8, 16, 32)
SMALL_SIDE_PX = 200
"""Below this the detector, trained on faces with surroundings, is given some: see `_surround`."""


@dataclass(frozen=True, slots=True)
class _Canvas:
    """A picture made fit for the net, and the way back to its own pixels."""

    pixels: NDArray[np.uint8]
    scale: float
    margin_px: int


class FaceDetector:
    """YuNet with its own pre- and post-processing.

    A picture is first looked at with its long side reduced to `coarse_side_px`, which finds every
    face that could be an applicant's; only when that shows none is it looked at again with
    `fine_side_px`. The cost grows with the area: see docs/measurements/face.md for the measured
    trade.

    Args:
        session: YuNet: `input` (1, 3, h, w) float32 BGR 0..255, h and w multiples of 32, to the
            twelve maps of class, objectness, box and points at strides 8, 16 and 32.
        coarse_side_px: Longest side of the first look.
        fine_side_px: Longest side of the second look.
        score_at_least: Lowest detector score of a face, 0..1.
        overlap_at_most: Intersection over union from which two boxes are one face.

    Source: W. Wu et al., "YuNet: A Tiny Millisecond-level Face Detector", MIR 20, 2023.
    """

    def __init__(
        self,
        session: Session,
        *,
        coarse_side_px: int = 320,
        fine_side_px: int = 640,
        score_at_least: float = 0.6,
        overlap_at_most: float = 0.3,
    ) -> None:
        self._session = session
        self._sides_px = (coarse_side_px, fine_side_px)
        self._score_at_least = score_at_least
        self._overlap_at_most = overlap_at_most

    @property
    def model(self) -> ModelRef:
        """The net behind it."""
        return self._session.ref

    def __call__(self, image: Image) -> tuple[Face, ...]:
        """Find the faces of a picture.

        Args:
            image: Any picture, from 1x1 pixel on.

        Returns:
            Every face found, largest first, in pixels of the picture.
        """
        long_side_px = max(image.width, image.height)
        for side_px in self._sides_px:
            faces = self._look(_surround(_reduce(image.pixels, side_px)))
            if faces or long_side_px <= side_px:
                return faces
        return ()

    def _look(self, canvas: _Canvas) -> tuple[Face, ...]:
        height, width = canvas.pixels.shape[:2]
        padded = np.zeros((-(-height // 32) * 32, -(-width // 32) * 32, 3), np.float32)
        padded[:height, :width] = canvas.pixels[:, :, ::-1]
        maps = self._session.run({"input": np.ascontiguousarray(padded.transpose(2, 0, 1))[None]})
        boxes, scores, points = _decode(maps, padded.shape[1], self._score_at_least)
        kept = _suppress(boxes, scores, self._overlap_at_most)
        boxes = (boxes[kept] - canvas.margin_px) / np.float32(canvas.scale)
        points = (points[kept] - canvas.margin_px) / np.float32(canvas.scale)
        found = [
            Face(Box(*(float(v) for v in box)), float(score), point)
            for box, score, point in zip(boxes, scores[kept], points, strict=True)
        ]
        return tuple(sorted(found, key=lambda face: -face.box.area))


def _reduce(pixels: NDArray[np.uint8], side_px: int) -> tuple[NDArray[np.uint8], float]:
    """Shrink a picture whose long side is above `side_px`; never enlarge one."""
    height, width = pixels.shape[:2]
    scale = min(1.0, side_px / max(height, width))
    if scale == 1.0:
        return pixels, scale
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8), scale


def _surround(reduced: tuple[NDArray[np.uint8], float]) -> _Canvas:
    """Give a small picture, which is mostly a crop of a face, a border of its own edge pixels."""
    pixels, scale = reduced
    longest = max(pixels.shape[:2])
    if longest >= SMALL_SIDE_PX:
        return _Canvas(pixels, scale, 0)
    margin = max(1, longest // 4)
    framed = cv2.copyMakeBorder(pixels, margin, margin, margin, margin, cv2.BORDER_REPLICATE)
    return _Canvas(np.asarray(framed, np.uint8), scale, margin)


def _decode(
    maps: list[NDArray[np.float32]], width_px: int, score_at_least: float
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Turn the net's anchor-free maps into (n, 4) corners, (n,) scores and (n, 5, 2) points."""
    all_boxes, all_scores, all_points = [], [], []
    for level, stride in enumerate(STRIDES):
        classes, objectness, box_map, point_map = (maps[3 * kind + level][0] for kind in range(4))
        score = np.sqrt(np.clip(classes[:, 0], 0, 1) * np.clip(objectness[:, 0], 0, 1))
        cells = np.flatnonzero(score >= score_at_least)
        columns = width_px // stride
        origin = np.stack([cells % columns, cells // columns], 1).astype(np.float32)
        box = box_map[cells]
        centre = origin + box[:, :2]
        half = np.exp(box[:, 2:]) / 2
        all_boxes.append(np.hstack([centre - half, centre + half]) * np.float32(stride))
        offsets = point_map[cells].reshape(-1, 5, 2)
        all_points.append((offsets + origin[:, None]) * np.float32(stride))
        all_scores.append(score[cells])
    return np.concatenate(all_boxes), np.concatenate(all_scores), np.concatenate(all_points)


def _suppress(
    boxes: NDArray[np.float32], scores: NDArray[np.float32], overlap_at_most: float
) -> list[int]:
    """Keep the best of boxes that overlap: their indexes, best first."""
    order = np.argsort(-scores, kind="stable")
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    kept: list[int] = []
    while len(order):
        best, order = int(order[0]), order[1:]
        kept.append(best)
        low = np.maximum(boxes[best, :2], boxes[order, :2])
        high = np.minimum(boxes[best, 2:], boxes[order, 2:])
        shared = np.clip(high - low, 0, None).prod(1)
        union = areas[best] + areas[order] - shared
        order = order[shared <= overlap_at_most * union]
    return kept
