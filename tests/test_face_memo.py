"""A face of a transaction goes through the net once, whichever checks ask for it."""

import gc

import numpy as np
from numpy.typing import NDArray

from tests.face_standins import RuleSession, face_at, mean_colour, plain, view_of
from veridical.face import FaceEmbedder, FaceMatchCheck, FaceQualityCheck, SamePersonCheck


def test_four_checks_over_the_same_views_run_the_net_once_a_view() -> None:
    batches: list[int] = []

    def counted(batch: NDArray[np.generic]) -> list[NDArray[np.float32]]:
        batches.append(len(batch))
        return mean_colour(batch)

    embedder = FaceEmbedder(RuleSession(counted))
    views = [
        view_of(plain(200, 100, 50 + i), face_at(100, 100, 100), time_ms=40.0 * i) for i in range(5)
    ]
    reference = view_of(plain(190, 90, 60), face_at(100, 100, 100))
    FaceQualityCheck(embedder)(views)
    FaceMatchCheck(embedder)(reference, views)
    SamePersonCheck(embedder)(views)
    embedder.fused(views)
    assert len(batches) == len(views) + 1


def test_what_is_remembered_goes_with_its_view() -> None:
    embedder = FaceEmbedder(RuleSession(mean_colour))
    first = view_of(plain(200, 100, 50), face_at(100, 100, 100))
    second = view_of(plain(50, 100, 200), face_at(100, 100, 100))
    assert not np.allclose(embedder(first).vector, embedder(second).vector)
    assert len(embedder._known) == 2
    del first
    gc.collect()
    assert len(embedder._known) == 1
