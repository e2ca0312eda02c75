"""YuNet's maps become faces; our own processing agrees with OpenCV's."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.face_standins import RuleSession
from veridical.face import FaceDetector
from veridical.media import read_image
from veridical.models import ModelStore
from veridical.types import Image

Cell = tuple[int, int, int, float]  # stride, column, row, score


def maps_with(height: int, width: int, *cells: Cell) -> list[NDArray[np.float32]]:
    """Maps of the net with faces of four strides' size, centred half a cell into some cells."""
    by_kind: list[NDArray[np.float32]] = []
    for kind, numbers in enumerate((1, 1, 4, 10)):
        for stride in (8, 16, 32):
            rows, columns = height // stride, width // stride
            grid = np.zeros((rows * columns, numbers), np.float32)
            for at, column, row, score in cells:
                if at == stride:
                    cell = row * columns + column
                    grid[cell] = (score, score, (0.5, 0.5, np.log(4), np.log(4)), 0.25)[kind]
            by_kind.append(grid[None])
    return by_kind


def detector(*cells: Cell) -> FaceDetector:
    return FaceDetector(RuleSession(lambda x: maps_with(x.shape[2], x.shape[3], *cells)))


def blank(width: int, height: int) -> Image:
    return Image(np.zeros((height, width, 3), np.uint8))


def test_a_cell_of_the_map_becomes_a_box_and_points_in_pixels() -> None:
    (face,) = detector((16, 5, 3, 0.81))(blank(320, 320))
    assert face.score == pytest.approx(0.81)
    assert face.box.centre == pytest.approx((5.5 * 16, 3.5 * 16))
    assert (face.box.width, face.box.height) == pytest.approx((64, 64))
    np.testing.assert_allclose(face.points, np.tile([5.25 * 16, 3.25 * 16], (5, 1)), rtol=1e-6)


def test_boxes_that_overlap_are_one_face_and_the_better_one_stays() -> None:
    (face,) = detector((16, 5, 3, 0.7), (16, 6, 3, 0.9))(blank(320, 320))
    assert face.score == pytest.approx(0.9)


def test_faces_come_largest_first() -> None:
    faces = detector((8, 2, 2, 0.99), (32, 6, 6, 0.7))(blank(320, 320))
    assert [face.box.width for face in faces] == pytest.approx([128, 32])


def test_a_weak_answer_is_no_face() -> None:
    assert detector((16, 5, 3, 0.59))(blank(320, 320)) == ()


def test_a_large_picture_is_reduced_and_its_faces_stand_in_its_own_pixels() -> None:
    (face,) = detector((16, 5, 3, 0.8))(blank(3200, 1600))
    assert face.box.centre == pytest.approx((880, 560))


def test_only_a_large_picture_without_a_face_is_looked_at_again() -> None:
    found, missing, small = (
        RuleSession(lambda x, cells=cells: maps_with(x.shape[2], x.shape[3], *cells))
        for cells in ([(16, 5, 3, 0.8)], [], [])
    )
    FaceDetector(found)(blank(1000, 1000))
    FaceDetector(missing)(blank(1000, 1000))
    FaceDetector(small)(blank(300, 300))
    assert (found.calls, missing.calls, small.calls) == (1, 2, 1)


def test_the_net_is_fed_bgr() -> None:
    seen: list[NDArray[np.generic]] = []

    def note(x: NDArray[np.generic]) -> list[NDArray[np.float32]]:
        seen.append(x)
        return maps_with(x.shape[2], x.shape[3])

    FaceDetector(RuleSession(note))(Image(np.full((320, 320, 3), (1, 2, 3), np.uint8)))
    assert seen[0][0, :, 0, 0].tolist() == [3, 2, 1]


def test_a_small_picture_gets_surroundings_and_keeps_its_coordinates() -> None:
    # 100 x 100 with a border of 25: the face in the middle of the net's input stays in the middle.
    (face,) = detector((8, 9, 9, 0.8))(blank(100, 100))
    assert face.box.centre == pytest.approx((9.5 * 8 - 25, 9.5 * 8 - 25))


@pytest.fixture(scope="module")
def real(store: ModelStore) -> FaceDetector:
    return FaceDetector(store.session("yunet-2023mar"))


@pytest.mark.models
@pytest.mark.parametrize(
    ("width", "height"),
    [(1, 1), (1, 500), (500, 1), (31, 33), (8000, 8000), (20000, 3)],
    ids=str,
)
def test_pictures_of_any_shape_are_looked_at(real: FaceDetector, width: int, height: int) -> None:
    assert real(Image(np.full((height, width, 3), 127, np.uint8))) == ()


@pytest.mark.models
@pytest.mark.shared
def test_own_processing_agrees_with_opencvs(
    store: ModelStore, real: FaceDetector, shared: Path
) -> None:
    from veridical.models.catalogue import locate

    path = locate(store.card("yunet-2023mar"), store.directory)[0]
    compared = 0
    for file in sorted((shared / "data/faces/colour").glob("*.jpg"))[::10]:
        image = read_image(file)
        height, width = image.height, image.width
        # OpenCV's detector takes any size but leaves reducing to its caller: stay below.
        assert max(height, width) <= 320
        theirs = cv2.FaceDetectorYN.create(str(path), "", (width, height), 0.6, 0.3, 5000)
        rows = np.asarray(theirs.detect(np.ascontiguousarray(image.pixels[:, :, ::-1]))[1])
        ours = real(image)
        assert len(ours) == len(rows)
        for row in rows:
            box = np.array([row[0], row[1], row[0] + row[2], row[1] + row[3]])
            near = min(ours, key=lambda f: abs(f.box.left - box[0]) + abs(f.box.top - box[1]))
            mine = [near.box.left, near.box.top, near.box.right, near.box.bottom]
            np.testing.assert_allclose(mine, box, atol=1e-3)
            np.testing.assert_allclose(near.points.ravel(), row[4:14], atol=1e-3)
            compared += 1
    assert compared >= 10
