"""Following one face: what it costs, what it notices, what it does when the face is gone."""

from pathlib import Path

import numpy as np
import pytest

from veridical.face import FaceDetector, FaceMesher
from veridical.face.subject import look
from veridical.face.track import FaceTracker
from veridical.models import ModelStore
from veridical.types import Clip, Face, Image, Mesh, View


class CountingDetector(FaceDetector):
    """The detector, counting how often it is asked."""

    calls = 0

    def __call__(self, image: Image) -> tuple[Face, ...]:
        self.calls += 1
        return super().__call__(image)


class Engines:
    """Detector and mesh of the pulled models."""

    def __init__(self, store: ModelStore) -> None:
        roles = store.profile("registry").roles
        self.detector = CountingDetector(store.session(roles["detector"][0]))
        self.mesher = FaceMesher(store.session(roles["mesh"][0]))

    def tracker(self) -> FaceTracker:
        self.detector.calls = 0
        return FaceTracker(self.detector, self.mesher)


@pytest.fixture(scope="module")
def engines(store: ModelStore) -> Engines:
    return Engines(store)


@pytest.fixture(scope="module")
def portrait(shared: Path) -> Image:
    from veridical.media import read_image

    faces = sorted((shared / "data" / "faces").rglob("*.jpg"))
    if not faces:
        pytest.skip("no faces in shared/")
    return read_image(faces[0])


def clip_of(frames: list[Image], step_ms: float = 40.0) -> Clip:
    return Clip(tuple(frames), np.arange(len(frames), dtype=np.float64) * np.float64(step_ms))


def shifted(image: Image, right: int) -> Image:
    return Image(np.roll(image.pixels, right, axis=1))


def points_of(mesh: Mesh | None) -> np.ndarray:
    assert mesh is not None
    return mesh.points[:, :2]


def test_the_mesh_follows_a_moving_face(engines: Engines, portrait: Image) -> None:
    frames = [shifted(portrait, 2 * index) for index in range(12)]
    views = engines.tracker()(clip_of(frames))
    assert [view.time_ms for view in views] == [40.0 * index for index in range(12)]
    assert engines.detector.calls == 1
    start = points_of(views[0].mesh)
    moved = [float((points_of(v.mesh) - start)[:, 0].mean()) for v in views]
    assert moved == pytest.approx([2 * index for index in range(12)], abs=1.5)


def test_the_detector_looks_again_every_second(engines: Engines, portrait: Image) -> None:
    engines.tracker()(clip_of([portrait] * 12, step_ms=250))
    assert engines.detector.calls == 3  # at 0, 1 and 2 s


def test_a_face_that_leaves_and_comes_back_is_found_again(
    engines: Engines, portrait: Image
) -> None:
    wall = Image(np.full_like(portrait.pixels, 127))
    views = engines.tracker()(clip_of([portrait] * 4 + [wall] * 3 + [portrait] * 3))
    assert [view.mesh is not None for view in views] == [True] * 4 + [False] * 3 + [True] * 3
    assert [view.reason for view in views[4:7]] == ["no_face"] * 3
    assert views[-1].subject is not None


def test_frames_already_looked_at_are_not_detected_again(engines: Engines, portrait: Image) -> None:
    clip = clip_of([shifted(portrait, 2 * index) for index in range(12)], step_ms=250)
    alone = engines.tracker()(clip)
    looked = [look(clip.frames[i], engines.detector, engines.mesher) for i in (0, 4, 8)]
    tracker = engines.tracker()
    views = tracker(clip, looked)
    assert engines.detector.calls == 0
    for view, other in zip(views, alone, strict=True):
        assert points_of(view.mesh) == pytest.approx(points_of(other.mesh), abs=1.0)
    assert [view.time_ms for view in views] == [250.0 * index for index in range(12)]


def test_a_second_face_that_was_seen_stops_the_following(engines: Engines, portrait: Image) -> None:
    clip = clip_of([shifted(portrait, index) for index in range(4)])
    first = look(clip.frames[2], engines.detector)
    crowd = View(first.image, first.faces * 2, None, "multiple_faces")
    views = engines.tracker()(clip, [crowd])
    assert [view.reason for view in views] == ["", "", "multiple_faces", ""]
    assert [view.mesh is None for view in views] == [False, False, True, False]
