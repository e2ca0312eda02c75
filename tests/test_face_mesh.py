"""The mesh: into its crop and back, whatever the roll; it agrees with the detector."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.face_standins import RuleSession, face_at, plain
from veridical.errors import InputError
from veridical.face import FaceDetector, FaceMesher
from veridical.face.mesh import five_points, mesh_crop
from veridical.media import read_image
from veridical.models import ModelStore
from veridical.types import Box, Face, Image


def answer(batch: NDArray[np.generic]) -> list[NDArray[np.float32]]:
    """All points in the crop's middle, but point 0 at its left edge; depth 10; logit 0."""
    points = np.tile(np.array([96, 96, 10], np.float32), (468, 1))
    points[0] = (0, 96, 10)
    return [points.reshape(1, 1, 1, 1404), np.zeros((1, 1, 1, 1), np.float32)]


def test_points_come_back_in_pixels_of_the_picture() -> None:
    face = face_at(100, 60, 128)
    mesh = FaceMesher(RuleSession(answer))(plain(0, 0, 0), face)
    # The crop is 1.5 x 128 = 192 pixels wide: its scale is one.
    np.testing.assert_allclose(mesh.points[1], (164, 124, 10), atol=0.3)
    np.testing.assert_allclose(mesh.points[0], (68, 124, 10), atol=0.6)
    assert mesh.presence == pytest.approx(0.5)


def test_the_crop_turns_with_the_eyes() -> None:
    upright = face_at(100, 60, 128)
    turned = Face(upright.box, 0.9, upright.points[[2, 2, 2, 2, 2]] + np.array(
        [[0, -10], [0, 10], [0, 0], [0, 0], [0, 0]], np.float32
    ))  # fmt: skip
    matrix = mesh_crop(turned)
    eyes = turned.points[:2] @ matrix[:, :2].T + matrix[:, 2]
    assert eyes[0, 1] == pytest.approx(eyes[1, 1], abs=1e-3)
    assert eyes[0, 0] < eyes[1, 0]


def test_eyes_on_one_point_are_an_input_error() -> None:
    face = Face(Box(0, 0, 50, 50), 0.9, np.full((5, 2), 20, np.float32))
    with pytest.raises(InputError):
        FaceMesher(RuleSession(answer))(plain(0, 0, 0), face)


@pytest.mark.models
@pytest.mark.shared
def test_the_mesh_agrees_with_the_detector_and_follows_a_rotation(
    store: ModelStore, shared: Path
) -> None:
    detector = FaceDetector(store.session("yunet-2023mar"))
    mesher = FaceMesher(store.session("facemesh-468"))
    errors = []
    for file in sorted((shared / "data/faces/colour").glob("*.jpg"))[2::12]:
        image = read_image(file)
        face = detector(image)[0]  # the largest: a person of interest, as LFW's crops are made
        points = five_points(mesher(image, face))
        assert np.abs(points - face.points).max() < 0.35 * face.inter_eye_px
        turn = cv2.getRotationMatrix2D((125.0, 125.0), 15, 1.0)
        rolled = Image(np.asarray(cv2.warpAffine(image.pixels, turn, (250, 250)), np.uint8))
        again = five_points(mesher(rolled, detector(rolled)[0]))
        expected = points @ turn[:, :2].T + turn[:, 2]
        errors.append(np.abs(again - expected).max() / face.inter_eye_px)
    assert np.median(errors) < 0.1
