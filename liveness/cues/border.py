"""Is the face inside a frame: the rim of a telephone, a tablet, a sheet of paper?"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from veridical.types import Box, Clip, Image, View

__all__ = ["HeldFrame", "framed_sides"]

SIDE_PX = 320
VIEWS = 3
TILTS_DEG = range(-20, 21, 4)
ALIGNED_DEG = 4.0
LINE_AT_LEAST = 0.8
"""Shortest line in face heights; a rim is longer than the face it shows."""
BESIDE, ABOVE = 0.65, 0.6
"""How far from the face's middle a rim must lie, in face widths and heights: outside the head."""


class HeldFrame:
    """Sides, 0 to 4, on which a long straight edge frames the face; mean over some views.

    Doors, shelves and pictures on a wall frame a head on one side, two or three. The fourth is
    below the chin, where a living applicant's shoulders hide the room: only nearly closed frames
    count. A screen or sheet that fills the view shows no rim: silence proves nothing.

    Source: J. Canny, IEEE TPAMI 8(6), 1986; probabilistic Hough transform, J. Matas et al., CVIU
        78(1), 2000; the rim as a sign after J. Komulainen, A. Hadid, M. Pietikainen, "Context
        based Face Anti-Spoofing", BTAS 2013.
    """

    name = "held_frame"
    reason = "presentation_attack"

    def __call__(self, views: Sequence[View], clip: Clip | None) -> float | None:
        """Measure; None without views."""
        step = max(1, len(views) // VIEWS)
        chosen = [view for view in views[::step][:VIEWS] if view.subject is not None]
        found = [framed_sides(v.image, v.subject.box) for v in chosen if v.subject is not None]
        return float(np.mean(found)) if found else None


def framed_sides(image: Image, box: Box) -> int:
    """Count the sides on which a straight edge, long and along one common tilt, frames the face."""
    scale = SIDE_PX / max(image.width, image.height)
    green = np.ascontiguousarray(image.pixels[:, :, 1])
    small = cv2.resize(green, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    edges = cv2.Canny(cv2.GaussianBlur(small, (0, 0), 1), 40, 100)
    width, height = box.width * scale, box.height * scale
    found = cv2.HoughLinesP(
        edges, 1, np.pi / 180, 30, minLineLength=LINE_AT_LEAST * height, maxLineGap=6
    )
    if found is None:
        return 0
    centre = np.array(box.centre) * scale
    # In units of the face, its middle at the origin; the picture's tilt is tried out below.
    ends = found.reshape(-1, 2, 2).astype(np.float64) - centre
    return max(_sides(ends, np.deg2rad(tilt), width, height) for tilt in TILTS_DEG)


def _sides(ends: NDArray[np.float64], tilt: float, width: float, height: float) -> int:
    """Sides framed by lines along or across one tilt; `ends` is (lines, 2, 2), x before y."""
    cos, sin = np.cos(tilt), np.sin(tilt)
    turned = ends @ np.array([[cos, -sin], [sin, cos]])
    across, down = np.abs(turned[:, 1] - turned[:, 0]).T
    slack = np.tan(np.deg2rad(ALIGNED_DEG))
    low, high = turned.min(axis=1), turned.max(axis=1)
    x, y = turned.mean(axis=1).T
    lying = (down < slack * across) & (low[:, 0] < -0.1 * width) & (high[:, 0] > 0.1 * width)
    upright = (across < slack * down) & (low[:, 1] < 0) & (high[:, 1] > 0)
    return sum(
        bool(side.any())
        for side in (
            lying & (y < -ABOVE * height),
            lying & (y > ABOVE * height),
            upright & (x < -BESIDE * width),
            upright & (x > BESIDE * width),
        )
    )
