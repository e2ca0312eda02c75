"""Where exactly are the eyes, the nose, the mouth and the outline of a face?"""

import math
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from veridical.errors import InputError
from veridical.face.align import warp
from veridical.models import Session
from veridical.result import ModelRef
from veridical.types import Face, Image, Mesh

__all__ = ["CROP_PX", "FaceMesher", "Mesher", "five_points", "mesh_crop"]

CROP_PX = 192
POINTS = 468
RANK = 4
CROP_TO_BOX = 1.5
"""Side of the crop by the longer side of the face's box, as the net was trained."""

EYE_LEFT = (33, 133, 159, 145)
EYE_RIGHT = (263, 362, 386, 374)
NOSE_TIP = 1
MOUTH_LEFT = 61
MOUTH_RIGHT = 291
FIVE_POINTS = np.array(
    [EYE_LEFT, EYE_RIGHT, *([one] * 4 for one in (NOSE_TIP, MOUTH_LEFT, MOUTH_RIGHT))]
)
"""Landmarks whose mean is each of the five points a detector gives."""


class Mesher(Protocol):
    """Lays dense landmarks over a face: the mesh network, or an engine in its place."""

    def __call__(self, image: Image, face: Face) -> Mesh:
        """Lay the mesh over one face; its presence is 0 where there is none to lay it over."""
        ...


class FaceMesher:
    """MediaPipe's face mesh: 468 points, or the refined one of 478, of which the irises are left.

    Args:
        session: `input` (1, side, side, 3) float32 RGB 0..1 to points of (x, y, z) in crop pixels
            and the logit that a face is there.

    Source: Y. Kartynnik et al., "Real-time Facial Surface Geometry from Monocular Video on Mobile
    GPUs", CVPR workshops 2019.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        shape = session.inputs["input"]
        side = shape[1] if len(shape) == RANK else None
        self._side_px = side if isinstance(side, int) else CROP_PX

    @property
    def model(self) -> ModelRef:
        """The net behind it."""
        return self._session.ref

    def __call__(self, image: Image, face: Face) -> Mesh:
        """Lay the mesh over one face.

        Args:
            image: The picture.
            face: A face found in it.

        Returns:
            Points in pixels of the picture, whatever the face's roll.

        Raises:
            InputError: The face's two eyes lie on one point.
        """
        matrix = mesh_crop(face, self._side_px)
        crop = warp(image, matrix, self._side_px)
        landmarks, presence, *_ = self._session.run(
            {"input": crop[None].astype(np.float32) / np.float32(255)}
        )
        flat = landmarks.reshape(-1, 3)[:POINTS]
        # A similarity's inverse is its transpose over the square of its scale.
        square = np.float32(matrix[0, 0] ** 2 + matrix[1, 0] ** 2)
        points = np.empty((POINTS, 3), np.float32)
        points[:, :2] = (flat[:, :2] - matrix[:, 2]) @ (matrix[:, :2] / square)
        points[:, 2] = flat[:, 2] / np.sqrt(square)
        return Mesh(points, float(1 / (1 + np.exp(-float(presence.ravel()[0])))))


def mesh_crop(face: Face, side_px: int = CROP_PX) -> NDArray[np.float32]:
    """Find the upright square around a face that the mesh reads: (2, 3), picture to crop."""
    (left_x, left_y), (right_x, right_y) = face.points[:2].tolist()
    across_x, across_y = right_x - left_x, right_y - left_y
    apart = math.hypot(across_x, across_y)
    half = CROP_TO_BOX / 2 * max(face.box.width, face.box.height)
    centre_x, centre_y = face.box.centre
    if not (apart > 1e-6 and half > 0 and math.isfinite(apart + half + centre_x + centre_y)):
        raise InputError("a mesh needs a box and two eyes apart, all finite", "face.points")
    scale = side_px / (2 * half * apart)
    x, y = scale * across_x, scale * across_y
    middle = side_px / 2
    return np.array(
        [
            [x, y, middle - x * centre_x - y * centre_y],
            [-y, x, middle + y * centre_x - x * centre_y],
        ],
        np.float32,
    )


def five_points(mesh: Mesh) -> NDArray[np.float32]:
    """Reduce a mesh to the five points a detector gives.

    Returns:
        (5, 2) float32 pixels: the eyes' centres, nose tip and mouth corners, left to right as
        seen.
    """
    five = mesh.points[FIVE_POINTS, :2]
    return np.asarray(five.mean(1), np.float32)
