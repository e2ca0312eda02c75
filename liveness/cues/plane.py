"""Does the room behind the face move with it, as one sheet? Then both are on a held picture."""

from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from veridical.types import Clip, Mesh, View

__all__ = ["OnePlane", "agreement"]

SIDE_PX = 256
PAIRS = 4
PAIRS_AT_LEAST = 3
CORNERS = 50
CORNERS_AT_LEAST = 8
MOVE_AT_LEAST_PX = 1.0
SLACK_PX = 0.3
SLACK_SHARE = 0.35
"""A corner follows the face when it lands within this share of the face's own movement."""


class OnePlane:
    """Share of the background's corners that move exactly as the face does, median over pairs.

    A hand that holds a print moves face and background as one. A living head moves before a room
    that stands still, or, with a hand-held camera, before one that moves otherwise. Video on a
    screen that fills the view moves by itself: the sign speaks against photographs.

    Source: foreground and background motion correlation, A. Anjos, M. M. Chakka, S. Marcel,
        "Motion-based counter-measures to photo attacks in face recognition", IET Biometrics 3(3),
        2014; here over tracked corners and the mesh's own motion.
    """

    name = "one_plane"
    reason = "one_plane"

    def __call__(self, views: Sequence[View], clip: Clip | None) -> float | None:
        """Measure, 0..1.

        Returns:
            None when the face hardly moves or the background has no corners.
        """
        pairs = list(pairwise(views))
        step = max(1, len(pairs) // PAIRS)
        found = [share for pair in pairs[::step][:PAIRS] if (share := agreement(*pair)) is not None]
        return float(np.median(found)) if len(found) >= PAIRS_AT_LEAST else None


def agreement(first: View, second: View) -> float | None:
    """Share of the background corners that move with the face from one view to the next.

    Returns:
        0..1; None without meshes, for pictures of two sizes, without enough corners or movement.
    """
    if first.mesh is None or second.mesh is None or first.subject is None:
        return None
    if first.image.pixels.shape != second.image.pixels.shape:
        return None
    scale = SIDE_PX / max(first.image.width, first.image.height)
    before, after = _reduced(first, scale), _reduced(second, scale)
    box = first.subject.box
    behind = np.full(before.shape, 255, np.uint8)
    # Hair, neck and shoulders belong to the person: they are left out with the face.
    left, right = box.left - 0.15 * box.width, box.right + 0.15 * box.width
    top = box.top - 0.25 * box.height
    behind[
        _from(top * scale) : _from(box.bottom * scale), _from(left * scale) : _from(right * scale)
    ] = 0
    left, right = box.left - 0.8 * box.width, box.right + 0.8 * box.width
    behind[_from(box.bottom * scale) :, _from(left * scale) : _from(right * scale)] = 0
    corners = cv2.goodFeaturesToTrack(before, CORNERS, 0.02, 5, mask=behind)
    if corners is None or len(corners) < CORNERS_AT_LEAST:
        return None
    tracked, found, _ = cv2.calcOpticalFlowPyrLK(
        before, after, corners, np.empty_like(corners), winSize=(13, 13), maxLevel=2
    )
    kept = found.ravel() == 1
    if kept.sum() < CORNERS_AT_LEAST:
        return None
    start, end = corners[kept, 0], tracked[kept, 0]
    expected = _moved(first.mesh, second.mesh, scale, start)
    moves = np.linalg.norm(expected - start, axis=1)
    if np.median(moves) < MOVE_AT_LEAST_PX:
        return None
    off = np.linalg.norm(end - expected, axis=1)
    return float((off < SLACK_SHARE * moves + SLACK_PX).mean())


def _from(value: float) -> int:
    """A pixel index that is not negative: slices from the end must not happen."""
    return max(0, int(value))


def _reduced(view: View, scale: float) -> NDArray[np.uint8]:
    """The green channel at a common small size: half the cost of luminance, as good to track."""
    green = np.ascontiguousarray(view.image.pixels[:, :, 1])
    small = cv2.resize(green, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)


def _moved(
    first: Mesh, second: Mesh, scale: float, points: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Where points would go if they moved by the similarity that carries the face's mesh."""
    source = (first.points[:, 0] + 1j * first.points[:, 1]).astype(np.complex128) * scale
    target = (second.points[:, 0] + 1j * second.points[:, 1]).astype(np.complex128) * scale
    centred = source - source.mean()
    turn = (np.conj(centred) * target).sum() / max(float((np.abs(centred) ** 2).sum()), 1e-9)
    plane = points[:, 0].astype(np.float64) + 1j * points[:, 1]
    moved = (plane - source.mean()) * turn + target.mean()
    return np.stack([moved.real, moved.imag], axis=1)
