"""Is there a second face beside the judged one? Who holds up a picture is often in view."""

from collections.abc import Sequence

import numpy as np

from veridical.types import Clip, View

__all__ = ["SecondFace"]


class SecondFace:
    """Size of the second face by the judged one, 0..1: the square root of the boxes' areas.

    The median over the views, so that a curtain taken for a face in one frame does not count.
    Evidence only: bystanders are no attack, and whether a second face makes the subject unclear
    is decided where subjects are chosen.
    """

    name = "second_face"
    reason = "multiple_faces"

    def __call__(self, views: Sequence[View], clip: Clip | None) -> float | None:
        """Measure; 0 where nobody else is seen, None without views."""
        sizes = []
        for view in views:
            others = [face.box.area for face in view.faces if face is not view.subject]
            judged = view.subject.box.area if view.subject else 0.0
            sizes.append((max(others, default=0.0) / judged) ** 0.5 if judged > 0 else 0.0)
        return float(np.median(sizes)) if sizes else None
