"""Do the eyes move? Blinks and glances support that somebody lives; their lack proves nothing."""

from collections.abc import Sequence

import numpy as np

from veridical.types import Clip, View

__all__ = ["EyeMotion"]

LIDS = ((159, 145), (386, 374))
CORNERS = ((33, 133), (362, 263))
VIEWS_AT_LEAST = 5


class EyeMotion:
    """How little the lids' opening changes: the negated range of the eye aspect ratio.

    Evidence only. A video shows blinks, a short clip of a living person may show none; a reviewer
    may still want to know.

    Source: eye aspect ratio after T. Soukupova and J. Cech, "Real-Time Eye Blink Detection using
        Facial Landmarks", CVWW 2016, with one pair of lid points an eye.
    """

    name = "still_eyes"
    reason = "flat_motion"

    def __call__(self, views: Sequence[View], clip: Clip | None) -> float | None:
        """Measure, 0 (nothing moved) and below; None with fewer than 5 meshes."""
        meshes = [view.mesh.points[:, :2] for view in views if view.mesh is not None]
        if len(meshes) < VIEWS_AT_LEAST:
            return None
        points = np.stack(meshes)
        open_px = sum(np.linalg.norm(points[:, a] - points[:, b], axis=1) for a, b in LIDS)
        width_px = sum(np.linalg.norm(points[:, a] - points[:, b], axis=1) for a, b in CORNERS)
        return -float(np.ptp(open_px / np.maximum(width_px, 1e-6)))
