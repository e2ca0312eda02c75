"""The engine's mesh stands where ours does, on the face that was meant."""

import numpy as np
from numpy.typing import NDArray

from tests.face_standins import face_at, plain
from veridical.face.mediapipe import MediapipeMesher
from veridical.face.subject import look
from veridical.types import Face, Image


def meshes(*centres: tuple[float, float]) -> NDArray[np.float32]:
    found = np.zeros((len(centres), 478, 3), np.float32)
    for mesh, (x, y) in zip(found, centres, strict=True):
        mesh[:, 0], mesh[:, 1] = x, y
    return found


def test_of_several_faces_the_one_in_the_box_is_taken() -> None:
    mesher = MediapipeMesher(lambda _: meshes((20, 20), (155, 152), (130, 110)))
    mesh = mesher(plain(9, 9, 9), face_at(100, 100, 100))
    assert mesh.points.shape == (468, 3)
    assert mesh.points[0, :2].tolist() == [155, 152]
    assert mesh.presence == 1


def test_a_view_has_no_mesh_where_the_engine_finds_none() -> None:
    def detect(_: Image) -> tuple[Face, ...]:
        return (face_at(100, 100, 100),)

    for found in (meshes(), meshes((20, 20))):
        view = look(plain(9, 9, 9), detect, MediapipeMesher(lambda _, f=found: f))  # type: ignore[arg-type,misc]
        assert view.subject is not None
        assert view.mesh is None
