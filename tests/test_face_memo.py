"""A face of a transaction goes through the net once, whichever checks ask for it."""

import gc

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.face_standins import RuleSession, face_at, mean_colour, plain, view_of
from veridical.face import FaceEmbedder, FaceMatchCheck, FaceQualityCheck, SamePersonCheck
from veridical.face.recogniser import Recogniser, RecogniserInput


def test_four_checks_over_the_same_clip_look_once_at_each_frame() -> None:
    batches: list[int] = []

    def counted(batch: NDArray[np.generic]) -> list[NDArray[np.float32]]:
        batches.append(len(batch))
        return mean_colour(batch)

    embedder = FaceEmbedder(Recogniser(RuleSession(counted), RecogniserInput()))
    views = [
        view_of(plain(200, 100, 50 + i), face_at(100, 100, 100), time_ms=40.0 * i) for i in range(5)
    ]
    reference = view_of(plain(190, 90, 60), face_at(100, 100, 100))
    FaceQualityCheck(embedder)(views)
    FaceMatchCheck(embedder)(reference, views)
    SamePersonCheck(embedder)(views)
    embedder.fused_frames(views)
    assert sorted(batches) == [1] * len(views) + [2]  # two looks at the portrait alone


def test_a_second_look_at_a_view_runs_the_net_for_that_look_alone() -> None:
    batches: list[int] = []

    def counted(batch: NDArray[np.generic]) -> list[NDArray[np.float32]]:
        batches.append(len(batch))
        return mean_colour(batch)

    embedder = FaceEmbedder(Recogniser(RuleSession(counted), RecogniserInput()))
    views = [view_of(plain(200, 100, 50), face_at(100, 100, 100)) for _ in range(2)]
    frames, both = embedder.frame_vectors(views), embedder.vectors(views)
    assert batches == [1, 1, 1, 1]
    np.testing.assert_array_equal(embedder.frame_vectors(views), frames)
    fresh = FaceEmbedder(Recogniser(RuleSession(mean_colour), RecogniserInput())).vectors(views)
    np.testing.assert_allclose(both, fresh, rtol=1e-6)
    assert batches == [1, 1, 1, 1]


def test_a_single_view_is_looked_at_twice_and_frames_by_turns() -> None:
    left_lit = plain(0, 0, 0)
    left_lit.pixels[:, :150] = 255

    def sides(batch: NDArray[np.generic]) -> list[NDArray[np.float32]]:
        pixels = np.asarray(batch, np.float32)
        return [np.stack([pixels[..., :56].mean((1, 2, 3)), pixels[..., 56:].mean((1, 2, 3))], 1)]

    embedder = FaceEmbedder(Recogniser(RuleSession(sides), RecogniserInput()))
    views = [view_of(left_lit, face_at(100, 100, 100)) for _ in range(3)]
    one = embedder.frame_vectors(views[:1])[0]
    assert one[0] == pytest.approx(one[1], rel=0.1)
    first, second, third = embedder.frame_vectors(views)
    assert first[0] > 10 * first[1]
    assert second[1] > 10 * second[0]
    np.testing.assert_array_equal(first, third)


def test_what_is_remembered_goes_with_its_view() -> None:
    embedder = FaceEmbedder(Recogniser(RuleSession(mean_colour), RecogniserInput()))
    first = view_of(plain(200, 100, 50), face_at(100, 100, 100))
    second = view_of(plain(50, 100, 200), face_at(100, 100, 100))
    assert not np.allclose(embedder(first).vector, embedder(second).vector)
    assert len(embedder._known) == 2
    del first
    gc.collect()
    assert len(embedder._known) == 1
