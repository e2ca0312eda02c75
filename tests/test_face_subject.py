"""Exactly one face is judged; nobody is picked from a group."""

from pathlib import Path

import numpy as np
import pytest

from tests.face_standins import face_at, plain
from veridical.face import FaceDetector, FaceMesher, choose_subject, look_any_way_up
from veridical.face.subject import RIVAL_SIZE, rival_size
from veridical.media import read_image
from veridical.models import ModelStore
from veridical.types import Face, Image

PICTURE = plain(0, 0, 0, 640, 480)


def test_the_only_face_is_the_subject() -> None:
    face = face_at(100, 100, 150)
    assert choose_subject([face], PICTURE) == (face, "")


def test_no_face_has_its_reason() -> None:
    assert choose_subject([], PICTURE) == (None, "no_face")


@pytest.mark.parametrize("order", [1, -1])
def test_a_small_face_in_the_background_does_not_refuse(order: int) -> None:
    near, far = face_at(100, 100, 200), face_at(500, 50, 200 * RIVAL_SIZE - 1)
    assert choose_subject([near, far][::order], PICTURE) == (near, "")


def test_two_faces_of_like_size_are_refused_whatever_their_scores() -> None:
    near, beside = face_at(50, 100, 200, 0.99), face_at(400, 100, 200 * RIVAL_SIZE + 1, 0.61)
    assert choose_subject([near, beside], PICTURE) == (None, "multiple_faces")


def test_a_face_whose_middle_is_outside_the_picture_is_nobodys() -> None:
    cut, whole = face_at(-150, 100, 200), face_at(300, 100, 190)
    assert choose_subject([cut, whole], PICTURE) == (whole, "")
    assert choose_subject([cut], PICTURE) == (None, "no_face")


def test_rival_size_is_linear_in_the_faces_side() -> None:
    faces: list[Face] = [face_at(0, 0, 100), face_at(200, 0, 30), face_at(300, 0, 50)]
    assert rival_size(faces) == pytest.approx(0.5)
    assert rival_size(faces[:1]) == 0
    assert np.isfinite(rival_size([face_at(0, 0, 0), face_at(0, 0, 0)]))


@pytest.mark.parametrize("quarters", range(4))
def test_a_picture_is_looked_at_whichever_way_it_was_held(
    store: ModelStore, shared: Path, quarters: int
) -> None:
    roles = store.profile().roles
    detector = FaceDetector(store.session(roles["detector"][0]))
    mesher = FaceMesher(store.session(roles["mesh"][0]))
    lying = read_image(shared / "faults" / "inputs" / "demo_selfie_rot90.jpg")
    upright = look_any_way_up(
        Image(np.ascontiguousarray(np.rot90(lying.pixels, 3))), detector, mesher
    )
    turned = look_any_way_up(
        Image(np.ascontiguousarray(np.rot90(lying.pixels, quarters))), detector, mesher
    )
    assert upright.subject is not None
    assert turned.subject is not None
    assert np.array_equal(turned.image.pixels, upright.image.pixels)


def test_a_surely_upright_face_is_never_turned() -> None:
    asked = []

    def detector(image: Image) -> tuple[Face, ...]:
        asked.append(image)
        return (face_at(50, 100, 200, 0.99), face_at(300, 100, 190, 0.7))

    view = look_any_way_up(PICTURE, detector, None)  # type: ignore[arg-type]
    assert (view.subject, view.reason, len(asked)) == (None, "multiple_faces", 1)
