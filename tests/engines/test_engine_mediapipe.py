"""MediaPipe's own mesh and ours lay their points on the same places of a face."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from veridical.errors import ModelError
from veridical.face.detect import FaceDetector
from veridical.face.mesh import FaceMesher
from veridical.models import ModelStore
from veridical.models.engines import MediapipeMesh, find_engine
from veridical.types import Image

MEDIAN_LIMIT = 0.05
WORST_LIMIT = 0.15
"""Shares of the distance between the eyes' outer corners. The two are different networks of one
family, and each crops the face in its own way."""


@pytest.fixture(scope="module")
def engine(store: ModelStore) -> Iterator[MediapipeMesh]:
    try:
        mesh = MediapipeMesh(find_engine("mediapipe", store.directory))
    except ModelError as error:
        pytest.skip(str(error))
    yield mesh
    mesh.close()


def pictures(shared: Path) -> list[NDArray[np.uint8]]:
    """Upright photographs of one large face each."""
    found = sorted((shared / "data" / "faces" / "colour").rglob("*.jpg"))[:60:3]
    read = [cv2.imread(str(path)) for path in found]
    return [cv2.cvtColor(p, cv2.COLOR_BGR2RGB).astype(np.uint8) for p in read if p is not None]


def test_the_two_meshes_agree(store: ModelStore, shared: Path, engine: MediapipeMesh) -> None:
    detect = FaceDetector(store.session("yunet-2023mar"))
    mesh = FaceMesher(store.session("facemesh-468"))
    medians, worst = [], []
    for pixels in pictures(shared):
        faces, theirs = detect(Image(pixels)), engine(pixels)
        if len(faces) != 1 or len(theirs) != 1:
            continue
        ours = mesh(Image(pixels), faces[0]).points
        apart = np.linalg.norm(ours[:, :2] - theirs[0, :468, :2], axis=1)
        eyes = np.linalg.norm(ours[33, :2] - ours[263, :2])
        medians.append(float(np.median(apart) / eyes))
        worst.append(float(apart.max() / eyes))
    assert len(medians) >= 10
    assert np.median(medians) < MEDIAN_LIMIT
    assert np.median(worst) < WORST_LIMIT


def test_a_picture_without_a_face_has_no_mesh(engine: MediapipeMesh) -> None:
    assert engine(np.full((120, 160, 3), 128, np.uint8)).shape == (0, 478, 3)


def test_the_engine_outlives_a_question_it_cannot_answer(engine: MediapipeMesh) -> None:
    with pytest.raises(ModelError) as caught:
        engine(np.zeros((0, 3), np.uint8))
    assert caught.value.code == "engine.failed"
    assert engine(np.zeros((64, 64, 3), np.uint8)).shape == (0, 478, 3)
