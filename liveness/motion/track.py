"""How did the head turn through a clip, and did it turn as a solid head does?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from veridical.liveness.cues.flat import homography_residual
from veridical.types import Mesh, View

__all__ = ["HeadTrack", "Posed", "head_track", "relief"]

POINTS = slice(None, 468, 5)
EYES = (33, 263)
STRAIGHT_DEG = 6.0
"""Within this of the middle a head counts as straight."""
TURNED_DEG = 10.0
MOST_PAIRS = 12


class Posed(Protocol):
    """A turn of a head in degrees, such as `face.pose.Pose`."""

    @property
    def yaw_deg(self) -> float:
        """Turned to the picture's right is positive."""
        ...

    @property
    def pitch_deg(self) -> float:
        """Raised is positive."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class HeadTrack:
    """The turns of one head.

    Attributes:
        times_ms: (n,) presentation times of the frames that show it.
        turned_deg: (n, 2) yaw and pitch.
        relief: How far the face departs from a flat picture where it turns, in percent of the
            distance of the eyes at a turn of 20 degrees; None where it does not turn far enough.
        frames: Frames that were looked at, with and without a face.
        reasons: Why frames show no single face, most frequent first.
    """

    times_ms: NDArray[np.float64]
    turned_deg: NDArray[np.float64]
    relief: float | None
    frames: int
    reasons: tuple[str, ...] = ()

    @property
    def fps(self) -> float:
        """Mean frames a second that show the head; 0 below two."""
        span_ms = float(self.times_ms[-1] - self.times_ms[0]) if len(self.times_ms) else 0.0
        return (len(self.times_ms) - 1) * 1000.0 / span_ms if span_ms > 0 else 0.0

    @property
    def seen_share(self) -> float:
        """Share of the frames that show the head, 0..1."""
        return len(self.times_ms) / self.frames if self.frames else 0.0


def head_track(views: Sequence[View], pose: Callable[[Mesh], Posed]) -> HeadTrack:
    """Measure the turn of the head in frames of a clip.

    Args:
        views: One per frame, in order, each with the mesh of its subject where there is one.
        pose: Estimates a turn from a mesh, such as `face.pose.head_pose`.
    """
    seen = [
        (view.time_ms, view.mesh)
        for view in views
        if view.mesh is not None and np.isfinite(view.mesh.points).all()
    ]
    known = {time_ms for time_ms, _ in seen}
    causes = [view.reason or "no_face" for view in views if view.time_ms not in known]
    reasons = tuple(sorted(set(causes), key=lambda cause: (-causes.count(cause), cause)))
    posed = [pose(mesh) for _, mesh in seen]
    turned = np.array([(one.yaw_deg, one.pitch_deg) for one in posed]).reshape(-1, 2)
    return HeadTrack(
        np.array([time_ms for time_ms, _ in seen], np.float64),
        turned,
        relief([mesh for _, mesh in seen], turned),
        len(views),
        reasons,
    )


def relief(meshes: Sequence[Mesh], turned_deg: NDArray[np.float64]) -> float | None:
    """Residual of the best homography from straight to turned frames, per turn.

    A flat picture keeps to a homography whatever is done with it; a head does not: its nose moves
    against its cheeks. Only a picture that is flat is told, no video and no mask.

    Returns:
        Percent of the distance of the eyes at 20 degrees, median over pairs; None without a
        straight and a turned frame.
    """
    if not len(turned_deg):
        return None
    away = np.linalg.norm(turned_deg - np.median(turned_deg, axis=0), axis=1)
    straight, far = np.flatnonzero(away < STRAIGHT_DEG), np.flatnonzero(away > TURNED_DEG)
    if not len(straight) or not len(far):
        return None
    chosen = far[np.linspace(0, len(far) - 1, min(MOST_PAIRS, len(far))).astype(int)]
    found = []
    for place in chosen:
        start = meshes[int(straight[np.abs(straight - place).argmin()])].points[:, :2]
        end = meshes[int(place)].points[:, :2]
        size = float(np.linalg.norm(start[EYES[0]] - start[EYES[1]]))
        residual = homography_residual(
            start[POINTS].astype(np.float64), end[POINTS].astype(np.float64)
        )
        scale = np.sin(np.radians(20)) / np.sin(np.radians(min(float(away[place]), 60)))
        found.append(100 * residual * scale / max(size, 1e-6))
    return float(np.median(found))
