"""Was a part of the document put in after the picture was taken?

Measurements, not verdicts: each is small on pictures that nobody altered
(docs/measurements/documents.md has the distributions) and larger where a part has another history
than what surrounds it.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from veridical.types import Box

__all__ = ["beside_portrait", "cut", "jpeg_history", "noise_contrast", "portrait_edges"]

BLOCK = 8
NEARLY_WHITE = 250
"""Where light clips, so does noise."""
QUALITIES = tuple(range(45, 98, 4))
"""JPEG qualities tried for an earlier saving."""
LEAST_DIP = 0.25
"""Depth of a dip, in logarithms of the change, from which it tells an earlier saving."""
GRID = 8
LEAST_SIDE_PX = 24


def cut(grey: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
    """The part of a picture inside a box."""
    left, top = max(0, round(box.left)), max(0, round(box.top))
    return grey[top : max(top, round(box.bottom)), left : max(left, round(box.right))]


def beside_portrait(portrait: Box, whole: Box) -> Box:
    """The part of the document next to the portrait, on the side where there is more of it."""
    left, right = portrait.left - portrait.width, portrait.left
    if portrait.centre[0] < whole.centre[0]:
        left, right = portrait.right, portrait.right + portrait.width
    return Box(max(whole.left, left), portrait.top, min(whole.right, right), portrait.bottom)


def noise_contrast(grey: NDArray[np.uint8], portrait: Box, whole: Box) -> float:
    """Absolute difference of the logarithms of the noise in the portrait and beside it."""
    inside = _noise(cut(grey, portrait))
    outside = _noise(cut(grey, beside_portrait(portrait, whole)))
    if inside is None or outside is None:
        return 0.0
    return abs(float(np.log((inside + 0.3) / (outside + 0.3))))


def _noise(patch: NDArray[np.uint8]) -> float | None:
    """Noise of the quiet parts of a patch, in grey levels.

    Source: J. Immerkaer, Computer Vision and Image Understanding 64(2), 1996, by blocks, of which
    the quietest quarter counts.
    """
    if min(patch.shape) < LEAST_SIDE_PX or np.percentile(patch, 75) > NEARLY_WHITE:
        return None
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    bent = np.abs(cv2.filter2D(patch.astype(np.float32), -1, kernel))
    rows, columns = patch.shape[0] // BLOCK, patch.shape[1] // BLOCK
    blocks = bent[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, columns, BLOCK)
    means = np.sort(blocks.mean(axis=(1, 3)).ravel())
    return float(means[: max(1, len(means) // 4)].mean() * np.sqrt(np.pi / 2) / 6)


def jpeg_history(grey: NDArray[np.uint8], portrait: Box, whole: Box) -> float:
    """Share of an earlier saving's trace around the portrait that the portrait itself lacks.

    What was saved at some quality before changes least when saved at that quality again, which
    shows as a dip in the change over quality; what was pasted in later lacks the dip. 0 when the
    surroundings show no trace of a saving, 1 when the portrait shows nothing of theirs.

    Source: H. Farid, IEEE Transactions on Information Forensics and Security 4(1), 2009.
    """
    outside = beside_portrait(portrait, whole)
    left = int(max(0, min(portrait.left, outside.left)) // GRID * GRID)
    top = int(max(0, portrait.top) // GRID * GRID)
    part = grey[
        top : max(top, round(portrait.bottom)),
        left : max(left, round(max(portrait.right, outside.right))),
    ]
    boxes = [
        Box(box.left - left, box.top - top, box.right - left, box.bottom - top)
        for box in (portrait, outside)
    ]
    if any(min(cut(part, box).shape) < LEAST_SIDE_PX for box in boxes):
        return 0.0
    curves = np.zeros((2, len(QUALITIES)))
    for place, quality in enumerate(QUALITIES):
        saved = cv2.imencode(".jpg", part, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        again = cv2.imdecode(saved, cv2.IMREAD_GRAYSCALE)
        if again is None:
            return 0.0
        change = np.square(part.astype(np.float32) - again.astype(np.float32))
        for row, box in zip(curves, boxes, strict=True):
            row[place] = float(cut(change, box).mean()) + 0.05
    log = np.log(curves)
    # A dip against both neighbours tells an earlier saving, whatever the texture.
    inside, around = (log[:, :-2] + log[:, 2:]) / 2 - log[:, 1:-1]
    place = int(around.argmax())
    if around[place] < LEAST_DIP:
        return 0.0
    return float(np.clip(1 - inside[place] / around[place], 0.0, 1.0))


def portrait_edges(grey: NDArray[np.uint8], portrait: Box, number: Box | None) -> float | None:
    """Steepest step along the portrait's outline over that of the print, per contrast.

    A camera blurs the outline of a portrait as it blurs the print; one pasted in stays sharp.
    """
    if number is None:
        return None
    print_ = _steepest(cut(grey, number))
    margin = 0.08 * portrait.width
    sides = (
        Box(portrait.left - margin, portrait.top, portrait.left + margin, portrait.bottom),
        Box(portrait.right - margin, portrait.top, portrait.right + margin, portrait.bottom),
    )
    steps = [step for side in sides if (step := _steepest(cut(grey, side))) is not None]
    return None if print_ is None or not steps else max(steps) / max(print_, 0.05)


def _steepest(patch: NDArray[np.uint8]) -> float | None:
    """Steepest steps along the rows of a patch over its contrast."""
    if min(patch.shape) < BLOCK:
        return None
    grey = patch.astype(np.float32)
    low, high = np.percentile(grey, (2, 98))
    steps = np.abs(np.diff(grey, axis=1)).max(axis=1)
    return float(np.median(steps) / max(high - low, 12.0))
