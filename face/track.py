"""Where is the one face in every frame of a clip, at the price of one network a frame?"""

import numpy as np
from numpy.typing import NDArray

from veridical.face.detect import FaceDetector
from veridical.face.mesh import Mesher, five_points
from veridical.face.subject import look
from veridical.types import Box, Clip, Face, Image, Mesh, View

__all__ = ["FaceTracker"]


class FaceTracker:
    """Follows the subject of a clip: the mesh of one frame says where to look in the next.

    The detector, which costs as much as the mesh, looks at the first frame, then every
    `detect_every_ms`, and whenever the mesh loses the face. The crop follows with a delay: a crop
    that jumps by a pixel makes the landmarks jump, and lips move by few pixels.

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

    def __call__(self, clip: Clip) -> tuple[View, ...]:
        """Analyse every frame of a clip.

        Args:
            clip: The clip.

        Returns:
            One view per frame, in order. Between two detections `faces` holds the subject alone.
        """
        views: list[View] = []
        tracked: Face | None = None
        detected_ms = -np.inf
        for image, time in zip(clip.frames, clip.times_ms, strict=True):
            time_ms = float(time)
            mesh = None if tracked is None else self._mesher(image, tracked)
            if mesh is not None and mesh.presence < self._presence_at_least:
                mesh = None
            if mesh is None or time_ms - detected_ms >= self._detect_every_ms:
                view = self._find(image, time_ms, mesh)
                detected_ms = time_ms
            else:
                face = _face_of(mesh)
                view = View(image, (face,), face, "", mesh, time_ms)
            views.append(view)
            tracked = self._next(tracked, view.mesh)
        return tuple(views)

    def _find(self, image: Image, time_ms: float, followed: Mesh | None) -> View:
        """Look at the whole frame; keep the followed mesh where it is the subject's."""
        seen = look(image, self._detector, None, time_ms)
        if seen.subject is None:
            return seen
        if followed is None or not _same_place(_face_of(followed).box, seen.subject.box):
            # Twice, because a detector's box and a mesh's box are not cut alike.
            followed = self._mesher(image, _face_of(self._mesher(image, seen.subject)))
        return View(image, seen.faces, seen.subject, "", followed, time_ms)

    def _next(self, tracked: Face | None, mesh: Mesh | None) -> Face | None:
        if mesh is None or mesh.presence < self._presence_at_least:
            return None
        face = _face_of(mesh)
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
