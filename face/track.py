"""Where is the one face in every frame of a clip, at the price of one network a frame?"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from veridical.face.detect import FaceDetector
from veridical.face.mesh import Mesher, five_points
from veridical.face.subject import look
from veridical.types import Box, Clip, Face, Mesh, View

__all__ = ["FaceTracker"]


class FaceTracker:
    """Follows the subject of a clip: the mesh of one frame says where to look in the next.

    The detector, which costs three times as much as the mesh, looks at the first frame, then
    `detect_every_ms` after the last look, and whenever the mesh loses the face. The crop follows
    with a delay: a crop that jumps by a pixel makes the landmarks jump, and lips move by few
    pixels.

    Args:
        detector: Finds the faces.
        mesher: Lays dense landmarks over the subject.
        detect_every_ms: Longest time without a look at the whole frame, so that a second face
            does not stay unseen.
        presence_at_least: Mesh score below which the face counts as lost, 0..1.
        follow: Share of the way the crop goes towards the face in each frame, 0..1.

    Source: the tracking of Y. Kartynnik et al., "Real-time Facial Surface Geometry from Monocular
    Video on Mobile GPUs", CVPR workshops 2019.
    """

    def __init__(
        self,
        detector: FaceDetector,
        mesher: Mesher,
        *,
        detect_every_ms: float = 1000.0,
        presence_at_least: float = 0.5,
        follow: float = 0.4,
    ) -> None:
        self._detector = detector
        self._mesher = mesher
        self._detect_every_ms = detect_every_ms
        self._presence_at_least = presence_at_least
        self._follow = follow

    def __call__(self, clip: Clip, looked: Sequence[View] = ()) -> tuple[View, ...]:
        """Analyse every frame of a clip.

        Args:
            clip: The clip.
            looked: Frames of it that the detector has looked at already, with or without a mesh:
                they are not detected again.

        Returns:
            One view per frame, in order. Between two detections `faces` holds the subject alone.
        """
        known = {id(view.image): view for view in looked}
        views: list[View] = []
        tracked: Face | None = None
        looked_ms = -np.inf
        for image, time in zip(clip.frames, clip.times_ms, strict=True):
            time_ms = float(time)
            mesh = None if tracked is None else self._mesher(image, tracked)
            if mesh is not None and mesh.presence < self._presence_at_least:
                mesh = None
            face = None if mesh is None else _face_of(mesh)
            seen = known.get(id(image))
            recent = time_ms - looked_ms < self._detect_every_ms
            if seen is None and face is not None and recent:
                views.append(View(image, (face,), face, "", mesh, time_ms))
            else:
                looked_ms = time_ms
                seen = seen or look(image, self._detector, None, time_ms)
                mesh, face = self._settle(seen, mesh, face)
                views.append(View(image, seen.faces, seen.subject, seen.reason, mesh, time_ms))
            tracked = self._next(tracked, mesh, face)
        return tuple(views)

    def _settle(
        self, seen: View, mesh: Mesh | None, face: Face | None
    ) -> tuple[Mesh | None, Face | None]:
        """Keep the followed mesh where it is the subject's; else lay one over the subject."""
        if seen.subject is None:
            return None, None
        if mesh is None or face is None or not _same_place(face.box, seen.subject.box):
            # Twice, because a detector's box and a mesh's box are not cut alike.
            first = seen.mesh or self._mesher(seen.image, seen.subject)
            mesh = self._mesher(seen.image, _face_of(first))
            face = _face_of(mesh)
        return mesh, face

    def _next(self, tracked: Face | None, mesh: Mesh | None, face: Face | None) -> Face | None:
        if mesh is None or face is None or mesh.presence < self._presence_at_least:
            return None
        if tracked is None or not _same_place(tracked.box, face.box):
            return face
        return _between(tracked, face, self._follow)


def _face_of(mesh: Mesh) -> Face:
    """The face a mesh describes."""
    low, high = mesh.points[:, :2].min(0), mesh.points[:, :2].max(0)
    box = Box(float(low[0]), float(low[1]), float(high[0]), float(high[1]))
    return Face(box, mesh.presence, five_points(mesh))


def _between(start: Face, end: Face, share: float) -> Face:
    def mix(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(a + np.float32(share) * (b - a), np.float32)

    box = Box(*(float(v) for v in mix(_corners(start.box), _corners(end.box))))
    return Face(box, end.score, mix(start.points, end.points))


def _corners(box: Box) -> NDArray[np.float32]:
    return np.array([box.left, box.top, box.right, box.bottom], np.float32)


def _same_place(first: Box, second: Box, overlap_at_least: float = 0.3) -> bool:
    """Whether two boxes overlap so far that they can be one face in neighbouring frames."""
    width = min(first.right, second.right) - max(first.left, second.left)
    height = min(first.bottom, second.bottom) - max(first.top, second.top)
    shared = max(0.0, width) * max(0.0, height)
    return shared >= overlap_at_least * (first.area + second.area - shared)
