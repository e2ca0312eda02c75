"""Does the face keep one flat shape? A photograph moves, but only as a plane does.

Whatever the hand does with a flat print, one view of it maps onto another by a homography. A face
that lives does not: it has depth, it speaks, it blinks. A video on a screen lives as well, so this
sign speaks against photographs only.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from veridical.types import Clip, View

__all__ = ["FlatMotion", "homography_residual", "residuals"]

VIEWS_AT_LEAST = 5
SPAN_AT_LEAST_MS = 1000.0
GAPS = (1, 3, 6)
"""Views are compared with their neighbours and with later ones: shapes drift apart with time."""
POINTS = slice(None, 468, 5)
"""Every fifth point of the mesh: neighbours say the same, and 94 points cost a fifth."""
EYE_CORNERS = (33, 263)


class FlatMotion:
    """How little the face's shape changes beyond a plane's motion, in percent of the eye distance.

    The value is the negated upper quartile of the residuals, so that higher speaks for a
    photograph: -0.4 and above on simulated prints, -0.8 and below on the living.

    Source: planar homographies, R. Hartley and A. Zisserman, "Multiple View Geometry", 2003,
        ch. 4; use against photographs after M. De Marsico et al., "Moving face spoofing detection
        via 3D projective invariants", ICB 2012.
    """

    name = "flat_motion"
    reason = "flat_motion"

    def __call__(self, views: Sequence[View], clip: Clip | None) -> float | None:
        """Measure; None with fewer than 5 meshes or less than a second between them."""
        found = residuals(views)
        return None if found is None else -float(np.percentile(found, 75))


def residuals(views: Sequence[View]) -> NDArray[np.float64] | None:
    """Change of shape between pairs of views, in percent of the distance of the outer eye corners.

    Returns:
        (pairs,) float64; None when the views do not suffice.
    """
    meshed = [view for view in views if view.mesh is not None]
    if len(meshed) < VIEWS_AT_LEAST or meshed[-1].time_ms - meshed[0].time_ms < SPAN_AT_LEAST_MS:
        return None
    points = np.stack([view.mesh.points[:, :2] for view in meshed if view.mesh is not None])
    eyes = np.linalg.norm(points[:, EYE_CORNERS[0]] - points[:, EYE_CORNERS[1]], axis=1)
    scale = max(float(np.median(eyes)), 1e-6)
    sparse = points[:, POINTS].astype(np.float64)
    pairs = [(a, b) for gap in GAPS for a, b in zip(sparse, sparse[gap:], strict=False)]
    return np.array([100.0 * homography_residual(a, b) / scale for a, b in pairs])


def homography_residual(source: NDArray[np.float64], target: NDArray[np.float64]) -> float:
    """Root mean square distance that the best homography leaves between two sets of points.

    Args:
        source: (n, 2) points, n >= 4.
        target: (n, 2) the same points in another view.

    Returns:
        In the unit of the points; the homography minimises the algebraic error of normalised
        points, which over a face's small extent is the geometric one within a few percent.

    Source: Hartley and Zisserman, algorithm 4.2 (normalised direct linear transform).
    """
    a, b = _normalise(source), _normalise(target)
    one, zero = np.ones(len(a[0])), np.zeros((len(a[0]), 3))
    p = np.column_stack([a[0], one])
    x, y = b[0][:, :1], b[0][:, 1:]
    system = np.concatenate([np.hstack([p, zero, -x * p]), np.hstack([zero, p, -y * p])])
    # The smallest eigenvector of the 9 x 9 normal matrix: cheaper than an SVD of all rows.
    flat = np.linalg.eigh(system.T @ system)[1][:, 0].reshape(3, 3)
    mapped = p @ flat.T
    moved = mapped[:, :2] / np.where(np.abs(mapped[:, 2:]) < 1e-9, 1e-9, mapped[:, 2:])
    return float(np.sqrt(((moved - b[0]) ** 2).sum(axis=1).mean()) * b[1])


def _normalise(points: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Move points to mean 0 and mean square radius 2; with the scale taken off."""
    centred = points - points.mean(axis=0)
    scale = max(float(np.sqrt((centred**2).sum(axis=1).mean() / 2)), 1e-9)
    return centred / scale, scale
