"""Does the face keep one flat shape? A photograph moves, but only as a plane does.

Whatever the hand does with a flat print, one view of it maps onto another by a homography. A face
that lives does not: it has depth, it speaks, it blinks. A video on a screen lives as well, so this
sign speaks against photographs only.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from veridical.types import Clip, Mesh, View

__all__ = ["FlatMotion", "eyes_shift", "homography_residual", "residuals"]

VIEWS_AT_LEAST = 5
SPAN_AT_LEAST_MS = 1000.0
SHIFT_AT_LEAST = 4.0
"""Percent of the eye distance that the eyes move across the picture: with less, nothing tells a
person who sits still from a photograph that lies still (docs/measurements/silent-liveness.md)."""
QUARTILE = 75
GAPS = (1, 3, 6)
"""Views are compared with their neighbours and with later ones: shapes drift apart with time."""
POINTS = slice(None, 468, 5)
"""Every fifth point of the mesh: neighbours say the same, and 94 points cost a fifth."""
EYE_CORNERS = (33, 263)


class FlatMotion:
    """How little the face's shape changes beyond a plane's motion, in percent of the eye distance.

    The value is the negated upper quartile of the residuals, so that higher speaks for a
    photograph. It is assessed only where the head moves enough to tell.

    Source: planar homographies, R. Hartley and A. Zisserman, "Multiple View Geometry", 2003,
        ch. 4; use against photographs after M. De Marsico et al., "Moving face spoofing detection
        via 3D projective invariants", ICB 2012.
    """

    name = "flat_motion"
    reason = "flat_motion"

    def __call__(self, views: Sequence[View], clip: Clip | None) -> float | None:
        """Measure.

        Returns:
            None with fewer than 5 meshes, less than a second between them, or a head that hardly
            moves.
        """
        meshes = _meshes(views)
        if meshes is None:
            return None
        if eyes_shift(meshes) < SHIFT_AT_LEAST:
            return None
        return -float(np.percentile(_residuals(meshes), QUARTILE))


def residuals(views: Sequence[View]) -> NDArray[np.float64] | None:
    """Change of shape between pairs of views, in percent of the distance of the outer eye corners.

    Returns:
        (pairs,) float64; None when the views do not suffice.
    """
    meshes = _meshes(views)
    return None if meshes is None else _residuals(meshes)


def eyes_shift(meshes: Sequence[Mesh]) -> float:
    """How far the middle between the eyes moves, whatever the rest of the face does.

    Args:
        meshes: At least two, in order of time.

    Returns:
        Upper quartile over the pairs that are compared, in percent of the eye distance.
    """
    middles = [mesh.points[list(EYE_CORNERS), :2].mean(axis=0) for mesh in meshes]
    moves = [float(np.linalg.norm(middles[a] - middles[b])) for a, b in _pairs(len(meshes))]
    return 100 * float(np.percentile(moves, QUARTILE)) / _eye_distance(meshes)


def _meshes(views: Sequence[View]) -> list[Mesh] | None:
    """The meshes; None when they are too few or too near each other in time."""
    meshed = [view for view in views if view.mesh is not None]
    if len(meshed) < VIEWS_AT_LEAST or meshed[-1].time_ms - meshed[0].time_ms < SPAN_AT_LEAST_MS:
        return None
    return [view.mesh for view in meshed if view.mesh is not None]


def _pairs(count: int) -> list[tuple[int, int]]:
    return [(i, i + gap) for gap in GAPS for i in range(count - gap)]


def _eye_distance(meshes: Sequence[Mesh]) -> float:
    """Median distance of the outer eye corners, in pixels."""
    corners = np.stack([mesh.points[list(EYE_CORNERS), :2] for mesh in meshes])
    return max(float(np.median(np.linalg.norm(corners[:, 0] - corners[:, 1], axis=1))), 1e-6)


def _residuals(meshes: Sequence[Mesh]) -> NDArray[np.float64]:
    """As `residuals`, of meshes that suffice."""
    sparse = [mesh.points[POINTS, :2].astype(np.float64) for mesh in meshes]
    scale = _eye_distance(meshes)
    left = [homography_residual(sparse[a], sparse[b]) for a, b in _pairs(len(meshes))]
    return 100.0 * np.array(left) / scale


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
