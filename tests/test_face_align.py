"""Alignment: a similarity is found and undone, and nothing else is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from veridical.errors import InputError
from veridical.face import align
from veridical.face.align import TEMPLATE_112, similarity, warp
from veridical.types import Image


def moved(
    points: NDArray[np.float32], scale: float, angle_deg: float, x: float, y: float
) -> NDArray[np.float32]:
    angle = np.radians(angle_deg)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.asarray(scale * points @ turn.T + (x, y), np.float32)


@given(st.floats(0.2, 8), st.floats(-180, 180), st.floats(-500, 4000), st.floats(-500, 4000))
def test_a_similarity_is_undone(scale: float, angle: float, x: float, y: float) -> None:
    there = moved(TEMPLATE_112, scale, angle, x, y)
    matrix = similarity(there, TEMPLATE_112)
    back = there @ matrix[:, :2].T + matrix[:, 2]
    assert np.abs(back - TEMPLATE_112).max() < 0.05


@given(st.lists(st.tuples(st.floats(0, 900), st.floats(0, 900)), min_size=5, max_size=5))
def test_no_points_whatever_bring_a_shear_or_a_mirror(raw: list[tuple[float, float]]) -> None:
    points = np.array(raw, np.float32)
    try:
        linear = similarity(points, TEMPLATE_112)[:, :2].astype(np.float64)
    except InputError:
        return
    size = np.sqrt(abs(np.linalg.det(linear)))
    np.testing.assert_allclose(linear.T @ linear, size**2 * np.eye(2), atol=1e-4 * (size**2 + 1e-6))
    assert np.linalg.det(linear) >= 0


def test_two_distinct_points_suffice() -> None:
    source = np.array([[10, 10], [10, 10], [30, 10], [30, 10], [30, 10]], np.float32)
    matrix = similarity(source, source * 2)
    np.testing.assert_allclose(matrix, [[2, 0, 0], [0, 2, 0]], atol=1e-4)


@pytest.mark.parametrize(
    "points",
    [
        np.full((5, 2), 7, np.float32),
        np.full((5, 2), np.nan, np.float32),
        np.full((5, 2), np.inf, np.float32),
        np.zeros((5, 3), np.float32),
    ],
    ids=["one point", "nan", "infinite", "three dimensions"],
)
def test_points_that_determine_no_rotation_are_refused(points: NDArray[np.float32]) -> None:
    with pytest.raises(InputError) as error:
        align(Image(np.zeros((50, 50, 3), np.uint8)), points)
    assert error.value.code == "face.points"


def test_the_crop_shows_what_lies_under_the_points() -> None:
    pixels = np.zeros((300, 400, 3), np.uint8)
    points = moved(TEMPLATE_112, 1.5, 20, 120, 40)
    for number, (x, y) in enumerate(points.round().astype(int)):
        pixels[y - 4 : y + 5, x - 4 : x + 5] = (50 * (number + 1), 255, 10)
    crop = align(Image(pixels), points)
    assert crop.shape == (112, 112, 3)
    assert crop.dtype == np.uint8
    for number, (x, y) in enumerate(TEMPLATE_112.round().astype(int)):
        assert tuple(crop[y, x]) == (50 * (number + 1), 255, 10)


def test_what_lies_outside_the_picture_is_black() -> None:
    picture = Image(np.full((40, 40, 3), 200, np.uint8))
    assert not align(picture, moved(TEMPLATE_112, 1, 0, 900, 900)).any()
    half = align(picture, moved(TEMPLATE_112, 1, 0, -20, 0))
    assert half.any()
    assert not half[:, -40:].any()


def test_a_strong_reduction_averages_instead_of_picking_pixels() -> None:
    rng = np.random.default_rng(3)
    noise = Image(rng.integers(0, 256, (1200, 1200, 3), dtype=np.uint8))
    matrix = np.array([[0.1, 0, 0], [0, 0.1, 0]], np.float32)
    # A hundred pixels make one: their mean keeps a tenth of the deviation, a picked one all.
    assert warp(noise, matrix, 112).std() < 0.2 * noise.pixels.std()


def test_a_strong_reduction_does_not_move_the_picture() -> None:
    x = np.arange(1000, dtype=np.float32)
    ramp = Image(np.repeat(np.broadcast_to(x / 4, (1000, 1000))[..., None], 3, 2).astype(np.uint8))
    matrix = np.array([[0.13, 0, 0], [0, 0.13, 0]], np.float32)
    row = warp(ramp, matrix, 112)[50, 5:105, 0].astype(np.float32)
    expected = np.arange(5, 105) / 0.13 / 4
    assert np.abs(row - expected).max() < 1.5


def test_a_strong_reduction_does_not_move_the_picture_s_far_corner() -> None:
    x = np.arange(1003, dtype=np.float32)
    ramp = Image(np.repeat(np.broadcast_to(x / 4, (1003, 1003))[..., None], 3, 2).astype(np.uint8))
    # Seven pixels become one, and 1003 holds no whole number of sevens.
    matrix = np.array([[0.13, 0, 100 - 0.13 * 1003], [0, 0.13, 100 - 0.13 * 1003]], np.float32)
    row = warp(ramp, matrix, 112)[50, :98, 0].astype(np.float32)
    expected = (np.arange(98) - 100) / 0.13 / 4 + 1003 / 4
    assert np.abs(row - expected).max() < 1.5
