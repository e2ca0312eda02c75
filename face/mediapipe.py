"""MediaPipe's own mesh in place of ours, for those who want its very numbers."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from veridical.types import Box, Face, Image, Mesh

__all__ = ["MediapipeMesher"]

LANDMARKS = 468

FindMeshes = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""(h, w, 3) uint8 RGB to (faces, 478, 3) float32, as `veridical.models.engines.MediapipeMesh`."""


class MediapipeMesher:
    """Puts the engine's mesh where `FaceMesher` stands.

    The engine finds faces by itself: of those, the one whose middle lies in the box and nearest to
    the box's own is the face that was meant.

    Args:
        find: The engine.
    """

    def __init__(self, find: FindMeshes) -> None:
        self._find = find

    def __call__(self, image: Image, face: Face) -> Mesh:
        """Lay the mesh over one face.

        Returns:
            Points in pixels of the picture; presence 0 where the engine finds no face there.

        Raises:
            ModelError: `engine.failed`.
        """
        meshes = self._find(image.pixels)[:, :LANDMARKS]
        middle = np.array(face.box.centre, np.float32)
        inside = [mesh for mesh in meshes if _holds(face.box, mesh[:, :2].mean(0))]
        if not inside:
            return Mesh(np.zeros((LANDMARKS, 3), np.float32), 0.0)
        nearest = min(inside, key=lambda mesh: float(np.linalg.norm(mesh[:, :2].mean(0) - middle)))
        return Mesh(np.ascontiguousarray(nearest, np.float32), 1.0)


def _holds(box: Box, point: NDArray[np.float32]) -> bool:
    return bool(box.left <= point[0] < box.right and box.top <= point[1] < box.bottom)
